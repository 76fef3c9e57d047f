"""Steps: everything is made once, after what it is made of, by stage or in waves."""

from __future__ import annotations

import random

import numpy as np
import pytest

from execute.path_sets import random_path_set
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.count import draw_paths
from pathpatch_runner.expression.single import single_route
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis.spectrum import Spectrum
from pathpatch_runner.plan import waves
from pathpatch_runner.plan.chunk import Chunk, make_chunk
from pathpatch_runner.plan.set_plan import BASE, PATCHED
from plan.small import path_set, plan_of_sets, positions

DEEP = ModelShape(6, 2, 8, 4, 11, 16, d_mlp=16)
GRAPH = Graph(DEEP)
NODES = {node.name: number for number, node in enumerate(GRAPH.nodes)}


def chunk_of(*sets: PathSet) -> Chunk:
    plan = plan_of_sets(DEEP, sets)
    return make_chunk(plan, np.arange(plan.n_units), positions([3], [5]))


def chunk_of_texts(*texts: str) -> Chunk:
    return chunk_of(*[path_set(DEEP, text) for text in texts])


def nodes_by_step(chunk: Chunk) -> list[set[str]]:
    names = [GRAPH.nodes[node].name for node in range(len(GRAPH.nodes))]
    return [{names[node] for node in step.nodes} for step in chunk.schedule.steps]


def single_paths(count: int, at_most: int) -> list[PathSet]:
    every = Spectrum(GRAPH, at_most, tuple(range(1, GRAPH.logits)), (), True).union()
    return [
        (single_route(path, GRAPH),) for path in draw_paths(every, GRAPH, count, 0, distinct=True)
    ]


def test_two_nodes_between_the_ends_make_two_waves() -> None:
    chunk = chunk_of_texts(
        "input -> a0.h1<q> -> a5.h0<v> -> logits", "input -> a3.h1<k> -> m4 -> logits"
    )
    assert nodes_by_step(chunk) == [set(), {"a0.h1", "a3.h1"}, {"a5.h0", "m4"}]
    # What the heads write alone makes streams of its own; an MLP's is made by its stage.
    lone = [set(step.one_head.nodes.tolist()) for step in chunk.schedule.steps]
    assert lone == [set(), {NODES["a0.h1"], NODES["a3.h1"]}, {NODES["a5.h0"]}]
    assert [[number for number, _ in step.others] for step in chunk.schedule.steps] == [
        [1],
        [],
        [GRAPH.stage_of[NODES["m4"]]],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a0.h0 => logits",
        "input -> a0.h0 -> a1.h0 -> a2.h0 -> a3.h0 -> a4.h0 -> a5.h0 -> logits",
        # Of what is written to a stream by two nodes, one comes a wave later.
        "input -> a0.h0<v> -> {m0, a1.h0<v>} -> m1 -> logits",
    ],
)
def test_others_go_by_stage(text: str) -> None:
    chunk = chunk_of_texts(text)
    assert len(chunk.schedule.steps) == len(chunk.plan.stages)
    for number, stage in enumerate(chunk.plan.stages):
        assert (chunk.schedule.of_version[stage.version_ids] == number).all()
        assert chunk.schedule.steps[number].versions.tolist() == stage.version_ids.tolist()


def test_a_circuit_goes_by_stage() -> None:
    sets = [
        random_path_set(random.Random(seed), GRAPH, positions=False, back=False) for seed in (1, 2)
    ]
    check(
        chunk_of(*sets, path_set(DEEP, "{a0.h*, m0, m1} -> {a2.h*, m3} -> {m4, a5.h*} => logits"))
    )


@pytest.mark.parametrize("elements", [1, 12, 10**6])
@pytest.mark.parametrize("at_most", [1, 2, 3])
def test_everything_is_made_once_and_in_time(
    elements: int, at_most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waves, "WAVE_ELEMENTS", elements)
    chunk = chunk_of(*single_paths(60, at_most))
    check(chunk)
    n_steps = len(chunk.schedule.steps)
    if elements == 1:
        # Every version by itself, after the input.
        assert n_steps == 1 + chunk.plan.n_versions
    elif elements == 10**6:
        assert n_steps == 1 + at_most


def check(chunk: Chunk) -> None:
    """Follows the steps as the executor does."""
    plan, schedule = chunk.plan, chunk.schedule
    versions, streams = {BASE, PATCHED}, {BASE, PATCHED}
    for number, step in enumerate(schedule.steps):
        for version, reads in zip(step.versions.tolist(), step.reads, strict=True):
            assert set(reads.ravel().tolist()) <= streams
            assert (schedule.last_use[reads] >= number).all()
            assert version not in versions
        here = set(step.versions.tolist()) | {BASE, PATCHED}
        for stream, written in zip(
            step.one_head.ids.tolist(), step.one_head.versions.tolist(), strict=True
        ):
            assert written in here
            assert stream not in streams
            streams.add(stream)
        for number_stage, rows in step.others:
            stage = plan.stages[number_stage]
            for row in rows.tolist():
                assert set(stage.writes[row].ravel().tolist()) <= here
                assert int(stage.parent[row]) in streams
                assert schedule.last_use[stage.parent[row]] >= number
                streams.add(int(stage.stream_ids[row]))
        versions |= here
    assert versions == set(range(plan.n_versions + 2))
    summed = set(np.flatnonzero(chunk.sums.summed).tolist())
    assert streams | summed == set(range(plan.n_streams + 2))

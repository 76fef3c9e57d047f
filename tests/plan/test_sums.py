"""Which streams are made as sums of writes, and of which."""

from __future__ import annotations

import numpy as np
import pytest

from pathpatch_runner.circuit import Circuit, circuit_of, edges_of
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.plan.chunk import Chunk, make_chunk
from pathpatch_runner.plan.memory import peak_elements
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.set_plan import BASE, PATCHED
from pathpatch_runner.plan.sums import WHOLE
from plan.small import path_set, plan_of_sets, positions

SHAPE = ModelShape(3, 2, 64, 32, 11, 16, attn_only=True)
"""Nodes: 0 input, 1-2 a0.h*, 3-4 a1.h*, 5-6 a2.h*, 7 logits; stages 0, 1, 2, 3, 4."""
GRAPH = Graph(SHAPE)


def dense_circuit(seed: int, share: float = 0.8) -> Circuit:
    chosen = np.random.default_rng(seed).random(len(edges_of(GRAPH))) < share
    return circuit_of(GRAPH, chosen)


def chunk_of(*sets: PathSet) -> Chunk:
    plan = plan_of_sets(SHAPE, sets)
    return make_chunk(plan, np.arange(plan.n_units), positions([3], [5]))


def lineage(plan: Plan, stream: int) -> set[tuple[int, int, int]]:
    """(stage, node, version) of every write that went into a stream."""
    if stream in (BASE, PATCHED):
        return set()
    (number,) = (n for n, stage in enumerate(plan.stages) if stream in stage.stream_ids)
    stage = plan.stages[number]
    row = stream - stage.first_stream
    parent = int(stage.parent[row])
    found = lineage(plan, parent) | ({(number, WHOLE, PATCHED)} if parent == PATCHED else set())
    for column, (version,) in enumerate(stage.writes[row].tolist()):
        if version != BASE:
            found.add((number, GRAPH.stages[number][column], version))
    return found


@pytest.mark.parametrize("n_circuits", [1, 3])
def test_a_sum_is_of_everything_that_went_into_a_stream(n_circuits: int) -> None:
    chunk = chunk_of(*[(dense_circuit(seed),) for seed in range(n_circuits)])
    assert len(chunk.sums.sums) == n_circuits
    made = set()
    for one in chunk.sums.sums:
        rows = list(
            zip(one.stages.tolist(), one.nodes.tolist(), one.versions.tolist(), strict=True)
        )
        assert rows == sorted(set(rows))
        for stream, born, takes in zip(one.streams.tolist(), one.born, one.takes, strict=True):
            assert {rows[row] for row in np.flatnonzero(takes[:, 0])} == lineage(chunk.plan, stream)
            assert stream in chunk.plan.stages[born].stream_ids
            made.add(stream)
    read = {int(i) for stage in chunk.plan.stages for i in np.unique(stage.reads)}
    read |= set(chunk.plan.outputs.ravel().tolist())
    assert made >= read - {BASE, PATCHED}


def test_families_are_continued() -> None:
    """One version, one stream: also where a stream that nobody reads is continued."""
    units = [f"a0.h{head} -> {{a1.h*, a2.h*}} -> logits" for head in (0, 1)]
    chunk = chunk_of(*[path_set(SHAPE, text) for text in units])
    last = chunk.schedule.last_use
    assert chunk.sums.sums == ()
    assert not chunk.sums.summed.any()
    # The stream that a1's heads wrote to, which a2's continue.
    continued = chunk.plan.stages[3].parent
    assert (continued > PATCHED).all()
    made = chunk.schedule.of_stream[chunk.plan.stages[3].stream_ids]
    assert (last[continued] == made).all()


def test_streams_that_nobody_reads_are_not_kept() -> None:
    chunk = chunk_of((dense_circuit(0),))
    (one,) = chunk.sums.sums
    idle = np.setdiff1d(np.flatnonzero(chunk.sums.summed), one.streams)
    assert len(idle)
    assert (chunk.schedule.last_use[idle] == -1).all()
    writes = len(one.stages) * one.positions.sum() * SHAPE.d_model
    assert peak_elements(chunk, 2) > 2 * writes


def test_a_family_beside_a_circuit() -> None:
    """Each unit in its own way."""
    family = path_set(SHAPE, "a0.h0 -> {a1.h*, a2.h*} -> logits")
    chunk = chunk_of((dense_circuit(0),), family)
    (one,) = chunk.sums.sums
    circuit, path = chunk.plan.outputs[:, 0]
    assert circuit in one.streams
    assert chunk.sums.summed[circuit]
    assert not chunk.sums.summed[path]

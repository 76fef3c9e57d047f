"""Plans compiled by orbit and merged, against path sets compiled alone."""

from __future__ import annotations

import random

import numpy as np
import pytest

from execute.path_sets import random_path_set
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet, Route, StepPattern, Steps
from pathpatch_runner.graph import Graph, ModelShape, NodeKind
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.describe import describe
from pathpatch_runner.plan.orbits import orbits_of
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.set_plan import PATCHED

GRAPH = Graph(ModelShape(4, 3, 12, 4, 11, 16, d_mlp=24))
ALPHABET = Alphabet(GRAPH)
HEADS = [i for i, node in enumerate(GRAPH.nodes) if node.kind is NodeKind.head]


def one(*nodes: int, slots: str | None = None) -> Steps:
    return Steps((StepPattern(frozenset(nodes), frozenset(slots) if slots else None),))


def family() -> list[tuple[Route]]:
    """`s -> r<q> -> logits` over all heads: 3 x 3 x (3 + 2 + 1) = 54 bindings."""
    stage = GRAPH.stage_of
    return [
        (Route((one(s), one(r, slots="q"), one(GRAPH.logits)), (None, None)),)
        for s in HEADS
        for r in HEADS
        if stage[s] < stage[r]
    ]


def test_a_family_has_an_orbit_for_every_pair_of_layers() -> None:
    sets = family()
    orbits = orbits_of(sets, GRAPH)
    assert len(sets) == 54
    assert len(orbits) == 6
    for orbit in orbits:
        first = int(orbit.members[0])
        for member, nodes in zip(orbit.members, orbit.nodes, strict=True):
            assert sorted(nodes) == list(range(len(GRAPH.nodes)))
            for mine, its in zip(sets[first][0].sets, sets[member][0].sets, strict=True):
                (a,), (b,) = mine.patterns[0].nodes, its.patterns[0].nodes
                assert nodes[a] == b


def test_heads_with_different_parts_in_a_group_are_in_different_orbits() -> None:
    group = one(HEADS[0], HEADS[1])
    sets: list[PathSet] = [
        (Route((one(head), one(HEADS[4]), one(GRAPH.logits)), (group, None)),) for head in HEADS[:3]
    ]
    assert len(orbits_of(sets, GRAPH)) == 2


def content_of(plan: Plan) -> list[tuple[int, ...]]:
    """[unit][class]: a number for what the output stream holds, the same for equal contents
    whatever the ids, in this plan and in every other: all the way down to the plain runs."""
    streams: dict[int, int] = {0: 0, 1: 1}
    versions: dict[int, int] = {0: 0, 1: 1}
    for number, stage in enumerate(plan.stages):
        for id_, node, reads in zip(stage.version_ids, stage.nodes, stage.reads, strict=True):
            read = tuple(streams[int(stream)] for stream in reads.flat)
            versions[int(id_)] = hash(("version", int(node), read))
        for id_, parent, writes in zip(stage.stream_ids, stage.parent, stage.writes, strict=True):
            wrote = tuple(versions[int(version)] for version in writes.flat)
            streams[int(id_)] = hash(("stream", number, streams[int(parent)], wrote))
    return [tuple(streams[int(stream)] for stream in output) for output in plan.outputs]


def mixed_sets(seed: int) -> list[PathSet]:
    """Random path sets and members of a family, so that some are in one orbit."""
    rng = random.Random(seed)
    sets = [random_path_set(rng, GRAPH, positions=False, back=False) for _ in range(8)]
    return sets + rng.sample(family(), 12)


@pytest.mark.parametrize("seed", range(6))
def test_a_unit_is_the_same_in_any_company(seed: int) -> None:
    sets = mixed_sets(seed)
    together = content_of(compile_plan(sets, ALPHABET))
    alone = [content_of(compile_plan([paths], ALPHABET))[0] for paths in sets]
    assert together == alone


@pytest.mark.parametrize("seed", range(6))
def test_no_two_parts_of_a_plan_are_equal(seed: int) -> None:
    for stage in compile_plan(mixed_sets(seed), ALPHABET).stages:
        versions = [
            (node, row.tobytes()) for node, row in zip(stage.nodes, stage.reads, strict=True)
        ]
        streams = [(up, row.tobytes()) for up, row in zip(stage.parent, stage.writes, strict=True)]
        assert len(set(versions)) == len(versions)
        assert len(set(streams)) == len(streams)


def test_shared_parts_are_evaluated_once() -> None:
    plan = compile_plan(family(), ALPHABET)
    # One stream for each of 9 senders below the last layer, one for each of 54 receivers' outputs.
    assert plan.n_streams == 9 + 54
    assert plan.n_versions == 54


def test_selecting_units_is_compiling_them_alone() -> None:
    sets = family()
    units = np.array([50, 3, 17])
    part = compile_plan(sets, ALPHABET).select(units, np.array([True]))
    alone = compile_plan([sets[unit] for unit in units], ALPHABET)
    assert part.n_streams == alone.n_streams
    assert part.mixed_evaluations == alone.mixed_evaluations
    assert part.outputs.shape == (3, 1)
    assert content_of(part) == content_of(alone)
    assert (np.sort(np.unique(part.outputs)) > PATCHED).all()


def test_description_says_what_a_database_would() -> None:
    plan = compile_plan(family(), ALPHABET)
    text = describe(plan, lambda number: f"unit {number}", 10, "1 GiB at most")
    assert text.startswith(
        "graph             4 layers x 3 heads, MLPs: 18 nodes\n"
        "units             54 in 6 orbits (equal up to renaming heads within layers)\n"
        "mixed streams     63\n"
        "node evaluations  108\n"
    )
    assert "unit 0   and 8 more of the same orbit\n" in text
    assert "    #2    a1.h0    q <- s2\n" in text
    assert "a naive tool      108 forward passes" in text

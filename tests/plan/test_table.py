"""Tables compiled by shape against plans compiled one path set at a time."""

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
from pathpatch_runner.plan.shapes import shapes_of
from pathpatch_runner.plan.table import plan_table, select_units

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


def test_a_family_has_a_shape_for_every_pair_of_layers() -> None:
    sets = family()
    shapes = shapes_of(sets, GRAPH)
    assert len(sets) == 54
    assert len(shapes) == 6
    for shape in shapes:
        first = int(shape.members[0])
        for member, nodes in zip(shape.members, shape.nodes, strict=True):
            assert sorted(nodes) == list(range(len(GRAPH.nodes)))
            for mine, its in zip(sets[first][0].sets, sets[member][0].sets, strict=True):
                (a,), (b,) = mine.patterns[0].nodes, its.patterns[0].nodes
                assert nodes[a] == b


def test_heads_with_different_parts_in_a_group_have_different_shapes() -> None:
    group = one(HEADS[0], HEADS[1])
    sets: list[PathSet] = [
        (Route((one(head), one(HEADS[4]), one(GRAPH.logits)), (group, None)),) for head in HEADS[:3]
    ]
    assert len(shapes_of(sets, GRAPH)) == 2


@pytest.mark.parametrize("seed", range(6))
def test_table_has_the_evaluations_of_the_plan(seed: int) -> None:
    rng = random.Random(seed)
    sets = [random_path_set(rng, GRAPH, positions=False, back=False) for _ in range(8)]
    sets += rng.sample(family(), 12)
    plan, table = compile_plan(sets, ALPHABET), plan_table(sets, ALPHABET)
    assert table.mixed_evaluations == plan.mixed_evaluations
    assert table.n_streams == len(plan.streams) - 2


def test_shared_parts_are_evaluated_once() -> None:
    table = plan_table(family(), ALPHABET)
    # One stream for each of 9 senders below the last layer, one for each of 54 receivers' outputs.
    assert table.n_streams == 9 + 54
    assert table.n_versions == 54


def test_selecting_units_is_compiling_them_alone() -> None:
    sets = family()
    units = np.array([50, 3, 17])
    part = select_units(plan_table(sets, ALPHABET), units, np.array([True]))
    alone = plan_table([sets[unit] for unit in units], ALPHABET)
    assert part.n_streams == alone.n_streams
    assert part.mixed_evaluations == alone.mixed_evaluations
    assert part.outputs.shape == (3, 1)


def test_description_says_what_a_database_would() -> None:
    table = plan_table(family(), ALPHABET)
    text = describe(table, lambda number: f"unit {number}", 10, "1 GiB at most")
    assert text.startswith(
        "graph             4 layers x 3 heads, MLPs: 18 nodes\n"
        "units             54 of 6 shapes\n"
        "mixed streams     63\n"
        "node evaluations  108\n"
    )
    assert "unit 0   and 8 more of the same shape\n" in text
    assert "    #2    a1.h0    q <- s2\n" in text
    assert "a naive tool      108 forward passes" in text

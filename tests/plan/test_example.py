"""The example at the head of `plan/`, and its like, down to the last number."""

from __future__ import annotations

import numpy as np
import pytest

from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import Position
from pathpatch_runner.graph import Graph
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.plan import Plan
from plan.small import TWO_LAYERS, WITH_MLPS, path_set, plan_of

BASE, PATCHED = 0, 1


def rows(plan: Plan, stage: int) -> tuple[list[int], list[list[int]], list[int], list[list[int]]]:
    """Nodes, reads [slot], parents and writes of a stage, without classes."""
    of = plan.stages[stage]
    return (
        of.nodes.tolist(),
        of.reads[:, :, 0, 0].tolist(),
        of.parent.tolist(),
        of.writes[:, :, 0].tolist(),
    )


def test_the_example_of_the_docstring() -> None:
    plan = plan_of(TWO_LAYERS, "a0.h0 -> a1.h0<k> -> logits")
    assert rows(plan, 0) == ([], [], [], [])
    # s2: base with the write of a0.h0 patched.
    assert rows(plan, 1) == ([], [], [BASE], [[PATCHED]])
    # #2 reads s2 through its keys; s3 is base with #2.
    assert rows(plan, 2) == ([2], [[BASE, 2, BASE]], [BASE], [[2]])
    assert plan.outputs.tolist() == [[3]]
    assert (plan.n_streams, plan.n_versions, plan.mixed_evaluations) == (2, 1, 2)


def test_the_input_is_a_writer_like_any_other() -> None:
    """A stream whose input alone is patched is the patched run up to there, and base from the
    first head on: it continues PATCHED at stage 1, with nothing but base writes."""
    plan = plan_of(TWO_LAYERS, "input -> a1.h0<v> -> logits")
    assert rows(plan, 0) == ([], [], [], [])
    assert rows(plan, 1) == ([], [], [PATCHED], [[BASE]])
    assert rows(plan, 2) == ([2], [[BASE, BASE, 2]], [BASE], [[2]])


@pytest.mark.parametrize(("text", "output"), [("input => logits", PATCHED), ("a0.h0 => logits", 3)])
def test_everything_is_the_patched_run(text: str, output: int) -> None:
    plan = plan_of(TWO_LAYERS, text)
    assert plan.outputs.tolist() == [[output]]
    assert plan.n_versions == (0 if output == PATCHED else 1)


def test_two_ways_into_one_head_are_one_version() -> None:
    """Paths of one set meet in a node: it is evaluated once, on both of its slots."""
    both = path_set(TWO_LAYERS, "a0.h0 -> a1.h0<q> -> logits", "a0.h0 -> a1.h0<v> -> logits")
    plan = compile_plan([both], Alphabet(Graph(TWO_LAYERS)))
    assert rows(plan, 2)[:2] == ([2], [[2, BASE, 2]])


def test_a_sender_replaced_whole_is_patched_where_it_writes() -> None:
    """Mean ablation: m0's write is PATCHED, and what m0 reads does not matter."""
    alphabet = Alphabet(Graph(WITH_MLPS))
    sets = [path_set(WITH_MLPS, "m0 -> logits"), path_set(WITH_MLPS, "m0 -> a1.h0<q> -> logits")]
    plan = compile_plan(sets, alphabet, replace_senders=True)
    assert rows(plan, 2) == ([], [], [BASE], [[PATCHED]])
    assert rows(plan, 3) == ([4], [[2, BASE, BASE]], [BASE], [[2, BASE]])


def test_positions_are_columns() -> None:
    """Written at S only: other position classes keep base. Class 0 is S, class 1 elsewhere."""
    classes = (frozenset([Position("S")]), frozenset[Position]())
    plan = plan_of(TWO_LAYERS, "a0.h0@S -> a1.h0<k> -> logits", classes=classes)
    assert plan.stages[1].writes.tolist() == [[[PATCHED, BASE]]]
    # Keys read the stream wherever they are; that it is base elsewhere is the stream's matter.
    reads = plan.stages[2].reads[0]
    assert reads[0].tolist() == [[BASE, BASE]]
    assert set(reads[1].ravel().tolist()) <= {BASE, 2}
    assert reads[1][0][0] == 2


def test_distances_are_rows() -> None:
    """Values one position back: the other distances of the head's values are base."""
    plan = plan_of(TWO_LAYERS, "a0.h0 -> a1.h0<v~1> -> logits")
    assert plan.alphabet.back_classes == ((0, 0), (1, 1), (2, None))
    assert plan.stages[2].reads[0, 2, :, 0].tolist() == [BASE, 2, BASE]
    assert plan.reads_by_distance
    assert not plan_of(TWO_LAYERS, "a0.h0 -> a1.h0<v> -> logits").reads_by_distance


def test_selecting_units_and_classes() -> None:
    texts = [
        "a0.h0 -> a1.h0<q> -> logits",
        "a0.h0 -> logits",
        "a0.h1 -> a1.h0<q> -> logits",
    ]
    plan = plan_of(WITH_MLPS, *texts)
    # Two senders' streams, two versions' outputs; `a0.h0 -> logits` is its sender's stream.
    assert (plan.n_streams, plan.n_versions) == (4, 2)
    part = plan.select(np.array([2, 1]))
    assert (part.n_units, part.n_streams, part.n_versions) == (2, 3, 1)
    assert part.orbit_of.tolist() == plan.orbit_of[[2, 1]].tolist()
    # s2 and s3 are the senders', the output of the first unit comes after them.
    assert part.outputs.tolist() == [[4], [2]]
    assert part.stages[3].reads[0, :, 0, 0].tolist() == [3, BASE, BASE]
    nothing = plan.select(np.arange(3), np.array([False]))
    assert (nothing.n_streams, nothing.n_versions) == (0, 0)
    assert nothing.outputs.tolist() == [[BASE]] * 3
    assert plan.select(np.zeros(0, dtype=int)).n_units == 0


def test_units_of_one_orbit_stand_together() -> None:
    texts = ["a0.h0 -> logits", "m0 -> logits", "a0.h1 -> logits", "m1 -> logits"]
    plan = plan_of(WITH_MLPS, *texts)
    assert plan.orbit_of.tolist() == [0, 1, 0, 2]
    assert plan.by_orbit.tolist() == [0, 2, 1, 3]

"""Where things are evaluated, worked out by hand on prompts of six tokens."""

from __future__ import annotations

import dataclasses

import numpy as np

from pathpatch_runner.expression.ast import Position
from pathpatch_runner.plan.extent import extent_of, groups_of, is_attention
from plan.small import TWO_LAYERS, WITH_MLPS, plan_of, positions, where


def test_keys_are_needed_at_all_positions_before_queries_at_one() -> None:
    """The example of `execute/delta`: prompts differ from 3 on, logits are read at 5."""
    plan = plan_of(TWO_LAYERS, "a0.h0 -> a1.h0<k> -> logits")
    extent = extent_of(plan, positions([3], [5]))
    assert where(extent.support[2]) == [3, 4, 5]
    assert where(extent.streams[2]) == [3, 4, 5]
    assert where(extent.versions[2]) == [5]
    assert where(extent.streams[3]) == [5]
    query = extent_of(plan_of(TWO_LAYERS, "a0.h0 -> a1.h0<q> -> logits"), positions([3], [5]))
    assert where(query.streams[2]) == [5]


def test_what_lies_after_the_last_point_is_not_needed() -> None:
    plan = plan_of(TWO_LAYERS, "a0.h0 -> a1.h0<k> -> logits")
    extent = extent_of(plan, positions([1], [3]))
    assert where(extent.support[2]) == [1, 2, 3, 4, 5]
    assert where(extent.streams[2]) == [1, 2, 3]
    assert where(extent.versions[2]) == [3]


def test_a_point_before_any_difference_needs_nothing() -> None:
    plan = plan_of(TWO_LAYERS, "a0.h0 -> a1.h0<k> -> logits")
    extent = extent_of(plan, positions([4], [2]))
    assert not extent.versions.any()
    assert not extent.streams[2:].any()


def test_the_patched_run_counts_as_different_from_the_first_difference_on() -> None:
    """Its input alone differs at 2 only, but PATCHED is one stream for all stages."""
    plan = plan_of(TWO_LAYERS, "input -> a1.h0<k> -> logits")
    extent = extent_of(plan, positions([2], [3, 5]))
    assert where(extent.support[2]) == [2, 3, 4, 5]
    assert where(extent.streams[2]) == [2, 3, 4, 5]
    assert where(extent.versions[2]) == [3, 5]


def test_without_a_causal_mask_differences_spread_to_all_positions() -> None:
    both_ways = dataclasses.replace(TWO_LAYERS, causal=False)
    plan = plan_of(both_ways, "a0.h0 -> a1.h0<k> -> logits")
    extent = extent_of(plan, positions([4], [0]))
    assert where(extent.streams[2]) == [0, 1, 2, 3, 4, 5]
    assert where(extent.versions[2]) == [0]


def test_an_mlp_reads_where_it_writes() -> None:
    plan = plan_of(WITH_MLPS, "a0.h0 -> m0 -> logits")
    extent = extent_of(plan, positions([1], [2, 4]))
    assert where(extent.streams[2]) == [2, 4]
    assert where(extent.versions[2]) == [2, 4]


def test_a_sender_that_writes_at_one_position_differs_there_only() -> None:
    classes = (frozenset([Position("S")]), frozenset[Position]())
    plan = plan_of(TWO_LAYERS, "a0.h0@S -> a1.h0<k> -> logits", classes=classes)
    at = positions([0], [5], class_of=[1, 1, 0, 1, 1, 1])
    extent = extent_of(plan, at)
    sender = int(plan.stages[1].stream_ids[0])
    assert where(extent.support[sender]) == [2]
    assert where(extent.streams[sender]) == [2]


def test_groups_are_of_equal_rows() -> None:
    rows = np.array([[0, 1], [1, 1], [0, 1]], dtype=bool)
    groups = [(row.tolist(), members.tolist()) for row, members in groups_of(rows)]
    assert groups == [([False, True], [0, 2]), ([True, True], [1])]
    assert list(groups_of(rows[:0])) == []


def test_heads_are_attention_and_mlps_are_not() -> None:
    graph = plan_of(WITH_MLPS, "m0 -> logits").alphabet.graph
    assert is_attention(graph, np.arange(8)).tolist() == [
        *(False, True, True, False),
        *(True, True, False, False),
    ]

"""Costs, memory and cuts, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pathpatch_runner.graph import ModelShape, Node, NodeKind
from pathpatch_runner.plan.chunk import Chunk, chunks_of, make_chunk
from pathpatch_runner.plan.cost import cost_of, node_flops
from pathpatch_runner.plan.memory import memory_estimate, peak_elements, plain_elements
from plan.small import TWO_LAYERS, WITH_MLPS, plan_of, positions

GATED = ModelShape(2, 2, 8, 4, 11, 16, d_mlp=16, gated_mlp=True)
HEAD, MLP, LOGITS = Node(NodeKind.head, 0, 0), Node(NodeKind.mlp, 0), Node(NodeKind.logits)


@pytest.mark.parametrize(
    ("shape", "node", "slots", "flops"),
    [
        # 2 x (in and out) x 8 x 16, a position.
        (WITH_MLPS, MLP, 1, 3 * 2 * 2 * 8 * 16),
        (GATED, MLP, 1, 3 * 2 * 3 * 8 * 16),
        (WITH_MLPS, LOGITS, 1, 3 * 2 * 8 * 11),
        # One projection in and one out, 8 x 4 each; scores and sums over 3 positions.
        (WITH_MLPS, HEAD, 1, 3 * 2 * (2 * 8 * 4 + 2 * 3 * 4)),
        (WITH_MLPS, HEAD, 3, 3 * 2 * (4 * 8 * 4 + 2 * 3 * 4)),
        (WITH_MLPS, Node(NodeKind.attention, 0), 3, 2 * 3 * 2 * (4 * 8 * 4 + 2 * 3 * 4)),
        (WITH_MLPS, Node(NodeKind.input), 0, 0),
    ],
)
def test_operations_of_a_node(shape: ModelShape, node: Node, slots: int, flops: int) -> None:
    assert node_flops(shape, node, slots, 3) == flops


def test_cost_of_a_plan() -> None:
    """Two heads with one mixed slot each, two mixed logits; a naive tool makes two passes for
    each unit, one for each of its streams."""
    plan = plan_of(TWO_LAYERS, "a0.h0 -> a1.h0<k> -> logits", "a0.h0 -> a1.h0<q> -> logits")
    cost = cost_of(plan, 3)
    head, logits = 3 * 2 * (2 * 4 * 4 + 2 * 3 * 4), 3 * 2 * 4 * 11
    assert cost.mixed_flops == 2 * head + 2 * logits
    assert cost.forward_flops == 2 * 3 * 2 * (4 * 4 * 4 + 2 * 3 * 4) + logits
    assert cost.naive_passes == 4
    assert cost.saving == pytest.approx(
        4 * cost.forward_flops / (cost.mixed_flops + 2 * cost.forward_flops)
    )


def test_cost_counts_every_member_of_an_orbit() -> None:
    one = cost_of(plan_of(WITH_MLPS, "a0.h0 -> logits"), 3)
    two = cost_of(plan_of(WITH_MLPS, "a0.h0 -> logits", "a0.h1 -> logits"), 3)
    assert two.naive_passes == 2 * one.naive_passes


def test_plain_runs() -> None:
    """Of both runs, 5 positions and 2 layers: q, k, v, z (4 x 2 x 4) and four streams (4 x 8)."""
    assert plain_elements(WITH_MLPS, 5) == 2 * 5 * 2 * (4 * 2 * 4 + 4 * 8)


def chunk(*texts: str) -> Chunk:
    plan = plan_of(TWO_LAYERS, *texts)
    return make_chunk(plan, np.arange(plan.n_units), positions([3], [5]))


def test_peak_of_one_head() -> None:
    """Stage 2: s2 at three positions and s3 at one (d_model 4), three temporaries of s2, and #2
    at one position with four tensors of d_head 4. Two pairs."""
    alive, temporaries, version = (3 + 1) * 4, 3 * 3 * 4, 1 * 4 * 4
    found = peak_elements(chunk("a0.h0 -> a1.h0<k> -> logits"), 2)
    # s3 has no later reader: it is handed to the logits as it is made.
    assert found == 2 * (alive - 1 * 4 + temporaries + version)
    assert peak_elements(chunk("input => logits"), 2) == 0


def test_memory_in_words() -> None:
    plan = plan_of(WITH_MLPS, "a0.h0 -> a1.h0<k> -> logits")
    scale = 2**30
    text = memory_estimate(plan, [(positions([3], [5]), 2**20)], 4)
    runs = 2**20 * plain_elements(WITH_MLPS, 6) * 4 / scale
    assert text.startswith(f"{runs:.2f} GiB for the plain runs, ")
    both = [(positions([3], [5]), 2**20), (positions([1], [2], length=3), 2**20)]
    # The most demanding length alone counts.
    assert memory_estimate(plan, both, 4) == text


SENDERS = [f"{node} -> logits" for node in ("a0.h0", "a0.h1", "m0", "a1.h0", "a1.h1", "m1")]


@pytest.mark.parametrize(("room", "sizes"), [(6, [6]), (3, [3, 3]), (2, [2, 2, 2]), (1, [1] * 6)])
def test_chunks_fit(room: int, sizes: list[int]) -> None:
    plan = plan_of(WITH_MLPS, *SENDERS)
    at = positions([0], [5])
    found = list(chunks_of(plan, at, lambda chunk: len(chunk.units), room))
    assert [len(each.units) for each in found] == sizes
    # Every unit once, members of an orbit next to each other.
    assert np.concatenate([each.units for each in found]).tolist() == plan.by_orbit.tolist()


def test_a_unit_that_alone_is_too_large_has_a_chunk_of_its_own() -> None:
    plan = plan_of(WITH_MLPS, *SENDERS)
    found = list(chunks_of(plan, positions([0], [5]), lambda _: 100, 1))
    assert [len(each.units) for each in found] == [1] * 6
    assert list(chunks_of(plan.select(np.zeros(0, int)), positions([0], [5]), len, 1)) == []  # type: ignore[arg-type]  # never called


def test_a_chunk_has_only_what_its_points_need() -> None:
    """Logits are read at positions of class 1 only: what class 0 would need is not in the plan."""
    plan = plan_of(TWO_LAYERS, "a0.h0 -> logits", classes=(frozenset(), frozenset()))
    at = positions([0], [5], class_of=[0, 0, 0, 0, 0, 1])
    part = make_chunk(plan, np.array([0]), at).plan
    assert part.outputs[0, 0] == 0
    assert part.outputs[0, 1] > 1

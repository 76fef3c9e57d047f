"""Choosing edges by score, worked out by hand on a graph of six edges.

input->m0  input->m1  m0->m1  input->logits  m0->logits  m1->logits
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from circuit.graphs import GPT2, NAMES, SIX, chosen, names_of
from pathpatch_runner.circuit import circuit_of, edges_of
from pathpatch_runner.circuit.edges import Numbers
from pathpatch_runner.circuit.prune import prune
from pathpatch_runner.circuit.select import MIB_SIZES, above, first, ranking

SIGNED = np.array([5.0, 1.0, -4.0, 2.0, 3.0, -6.0])
FAR_FROM_LOGITS = np.array([5.0, 3.0, 4.0, 1.0, 0.5, 0.2])
EQUAL = np.ones(6)


def named(ranked: Numbers) -> list[str]:
    return [NAMES[number] for number in ranked]


@pytest.mark.parametrize(
    ("scores", "greedy", "absolute", "expected"),
    [
        (SIGNED, False, False, [0, 4, 3, 1, 2, 5]),
        (SIGNED, False, True, [5, 0, 2, 4, 3, 1]),
        # m0->logits is the best into logits; then m0 is reached, and input->m0 may be taken.
        (SIGNED, True, False, [4, 0, 3, 5, 1, 2]),
        (SIGNED, True, True, [5, 2, 0, 4, 3, 1]),
        (FAR_FROM_LOGITS, False, False, [0, 2, 1, 3, 4, 5]),
        (FAR_FROM_LOGITS, True, False, [3, 4, 0, 5, 2, 1]),
        # Ties: by number, that is by reader, then by writer.
        (EQUAL, False, False, [0, 1, 2, 3, 4, 5]),
        (EQUAL, True, False, [3, 4, 0, 5, 1, 2]),
        (-EQUAL, False, True, [0, 1, 2, 3, 4, 5]),
    ],
    ids=[
        "top signed",
        "top absolute",
        "greedy signed",
        "greedy absolute",
        "top far from the logits",
        "greedy far from the logits",
        "top ties",
        "greedy ties",
        "top ties of the absolute",
    ],
)
def test_rankings(scores: np.ndarray, greedy: bool, absolute: bool, expected: list[int]) -> None:
    ranked = ranking(edges_of(SIX), scores, greedy=greedy, absolute=absolute)
    assert named(ranked) == [NAMES[number] for number in expected]


@pytest.mark.parametrize(
    ("threshold", "absolute", "expected"),
    [
        (3.0, False, ["input->m0", "m0->logits"]),
        (3.0, True, ["input->m0", "m0->m1", "m0->logits", "m1->logits"]),
        (9.0, True, []),
    ],
)
def test_thresholds(threshold: float, absolute: bool, expected: list[str]) -> None:
    mask = above(SIGNED, threshold, absolute=absolute)
    assert names_of(edges_of(SIX), mask) == expected


@pytest.mark.parametrize(
    ("set_of", "left"),
    [
        (["input->m0", "m0->m1", "m1->logits"], ["input->m0", "m0->m1", "m1->logits"]),
        # m1 is read by nobody; m0 reads nothing.
        (["input->m1", "input->logits", "m0->logits"], ["input->logits"]),
        (["input->m0", "m0->m1", "input->m1"], []),
        (["m0->m1", "m1->logits"], []),
        ([], []),
    ],
)
def test_pruning(set_of: list[str], left: list[str]) -> None:
    edges = edges_of(SIX)
    assert names_of(edges, prune(edges, chosen(SIX, *set_of))) == left


def test_shares_are_of_all_edges_and_pruned_after_choosing() -> None:
    edges = edges_of(SIX)
    ranked = ranking(edges, SIGNED, greedy=False, absolute=True)
    # int(.5 * 6) = 3: input->m0->m1->logits; int(.34 * 6) = 2 lie on no way.
    sizes = {
        share: len(circuit_of(SIX, first(edges, ranked, share)).edges) for share in (0.5, 0.34)
    }
    assert sizes == {0.5: 3, 0.34: 0}
    assert first(edges, ranked, 0.34).sum() == 2
    assert first(edges, ranked, 0).sum() == 0
    assert first(edges, ranked, 1).all()


def test_sizes_of_gpt2_small_are_nested_and_those_of_mib() -> None:
    edges = edges_of(GPT2)
    scores = np.random.default_rng(0).standard_normal(len(edges))
    for greedy in (False, True):
        ranked = ranking(edges, scores, greedy=greedy, absolute=True)
        assert sorted(ranked) == list(range(len(edges)))
        masks = [first(edges, ranked, share) for share in MIB_SIZES]
        counts = [32, 64, 162, 324, 649, 1624, 3249, 6498, 16245, 32491]
        assert [int(mask.sum()) for mask in masks] == counts
        pruned = [prune(edges, mask) for mask in masks]
        assert all((small <= large).all() for small, large in pairwise(pruned))
        assert pruned[-1].all()

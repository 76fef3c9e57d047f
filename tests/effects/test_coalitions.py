"""Shapley values and interactions: gates by hand, all orders by brute force, error rates."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from effects.measured import results as made_of
from effects.measured import unit
from pathpatch_runner.config import StatisticsConfig, UnitKind
from pathpatch_runner.effects import PlainRuns, PointIndex, Results, games_of, shapley_table
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.coalitions import (
    addition_weights,
    interaction_weights,
    shapley_weights,
)
from pathpatch_runner.effects.resampling import SignFlips
from pathpatch_runner.hypothesis import Unit

Gate = Callable[[frozenset[int]], float]


def values_of(gate: Gate, n_entries: int) -> Floats:
    """[coalition]: the gate's value."""
    return np.array(
        [
            gate(frozenset(i for i in range(n_entries) if number >> i & 1))
            for number in range(1 << n_entries)
        ]
    )


@pytest.mark.parametrize(
    ("gate", "shapley", "interaction", "adds"),
    [
        (lambda s: float(bool(s)), 0.5, -1.0, 0.0),  # OR
        (lambda s: float(len(s) == 2), 0.5, 1.0, 1.0),  # AND
        (lambda s: 3.0 * len(s), 3.0, 0.0, 3.0),  # sum
        (lambda s: float(len(s) == 1), 0.0, -2.0, -1.0),  # XOR
    ],
)
def test_gates_of_two(gate: Gate, shapley: float, interaction: float, adds: float) -> None:
    values = values_of(gate, 2)
    assert (shapley_weights(2) @ values).tolist() == [shapley] * 2
    assert interaction_weights(2, 0, 1) @ values == interaction
    assert (addition_weights(2) @ values).tolist() == [adds] * 2


def test_majority_of_three() -> None:
    # The second to come decides: 1/3 each. Two of them together: alone they add 1, after the
    # third each is enough: -1; the orders are even.
    values = values_of(lambda s: float(len(s) >= 2), 3)
    assert shapley_weights(3) @ values == pytest.approx([1 / 3] * 3, abs=1e-15)
    assert interaction_weights(3, 0, 2) @ values == pytest.approx(0, abs=1e-15)


def test_one_entry_has_all_of_it() -> None:
    assert (shapley_weights(1) @ np.array([0.0, 7.0])).tolist() == [7.0]


@pytest.mark.parametrize("n_entries", [3, 5])
def test_against_every_order(n_entries: int) -> None:
    values = np.r_[0.0, np.random.default_rng(n_entries).normal(size=(1 << n_entries) - 1)]
    added: list[list[float]] = [[] for _ in range(n_entries)]
    for order in itertools.permutations(range(n_entries)):
        before = 0
        for entry in order:
            added[entry].append(values[before | 1 << entry] - values[before])
            before |= 1 << entry
    assert shapley_weights(n_entries) @ values == pytest.approx(np.mean(added, axis=1))


def test_interactions_against_every_order_of_the_others_and_the_two_as_one() -> None:
    values = np.r_[0.0, np.random.default_rng(1).normal(size=15)]
    for first, second in itertools.combinations(range(4), 2):
        others = [i for i in range(4) if i not in (first, second)]
        found = []
        for order in itertools.permutations([*others, -1]):
            before = sum(1 << i for i in order[: order.index(-1)])
            one, two = 1 << first, 1 << second
            found.append(
                values[before | one | two]
                - values[before | one]
                - values[before | two]
                + values[before]
            )
        assert interaction_weights(4, first, second) @ values == pytest.approx(np.mean(found))


@pytest.mark.parametrize("n_entries", [1, 4, 12])
def test_shapley_values_add_up_to_the_whole(n_entries: int) -> None:
    values = np.r_[0.0, np.random.default_rng(0).normal(size=(1 << n_entries) - 1)]
    assert abs((shapley_weights(n_entries) @ values).sum() - values[-1]) < 1e-12


def coalition(*members: str) -> Unit:
    return Unit("h", UnitKind.coalitions, "+".join(members), "", (), (), members=members)


def game(by_pair: Callable[[tuple[str, ...]], Floats], n_pairs: int) -> Results:
    """A run over coalitions of a, b, c on clean values of 0: `by_pair` gives [pair] effects."""
    pairs = tuple(f"p{i}" for i in range(n_pairs))
    points = PointIndex(pairs, np.zeros(n_pairs, np.int64), np.arange(n_pairs))
    units = [coalition(*m) for size in (1, 2, 3) for m in itertools.combinations("abc", size)]
    zeros = np.zeros((2, n_pairs))
    patched = [np.stack([by_pair(each.members), zeros[0]]) for each in units]
    # Another unit between them is not in the way.
    units.insert(2, unit("a"))
    patched.insert(2, zeros)
    return made_of(units, patched, plain=PlainRuns(zeros, zeros + 1), points=points)


def rows(made: Results) -> dict[tuple[str, str | None], dict[str, Any]]:
    listed = shapley_table(made, games_of(made), StatisticsConfig(), 0).to_pylist()
    return {(row["entry"], row["other"]): row for row in listed if row["metric"] == "loss"}


def test_the_table_by_hand() -> None:
    # a gives 1 to every pair; b and c are an OR gate worth 2, 4, 6 in the three pairs.
    worth = np.array([2.0, 4.0, 6.0])
    found = rows(game(lambda m: ("a" in m) * 1.0 + worth * bool({"b", "c"} & set(m)), 3))
    assert list(found) == [
        *[("a", None), ("b", None), ("c", None)],
        *[("a", "b"), ("a", "c"), ("b", "c")],
    ]
    assert found["a", None]["value"] == pytest.approx(1.0)
    assert found["a", None]["value_ci_low"] == pytest.approx(1.0)
    assert found["b", None]["value"] == pytest.approx(2.0)  # half of the mean of 2, 4, 6
    assert found["b", None]["value_ci_low"] == pytest.approx(1.0)  # p0 three times
    assert found["b", None]["value_ci_high"] == pytest.approx(3.0)
    assert found["b", None]["alone"] == pytest.approx(4.0)
    assert found["b", None]["adds_to_rest"] == pytest.approx(0.0)
    assert found["b", None]["adds_p_value"] == 1.0
    assert found["b", "c"]["value"] == pytest.approx(-4.0)
    assert found["a", "b"]["value"] == pytest.approx(0.0)
    assert found["b", None]["p_value"] == 2 / 8
    assert (found["b", "c"]["alone"], found["b", "c"]["adds_p_value"]) == (None, None)


def test_both_tests_keep_their_level_over_1000_seeds() -> None:
    # One table of 1,000 games would be slow to build: the weights are linear, and noise that is
    # symmetric pair by pair stays so under them.
    weights = np.vstack([shapley_weights(3), interaction_weights(3, 0, 1)[None]])
    flips = SignFlips.of(0, tuple(map(str, range(10))), 1000)
    noise = np.random.default_rng(0).normal(size=(1000, 8, 10))
    noise[:, 0] = 0
    found = flips.p_values((weights @ noise).reshape(-1, 10)).reshape(1000, 4)
    assert ((found <= 0.05).mean(0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)).all()

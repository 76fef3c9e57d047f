"""Where a unit lies among its controls."""

from __future__ import annotations

import numpy as np
import pytest

from pathpatch_runner.effects.controls import compared

N_SEEDS = 1000


def test_sizes_are_compared_whatever_their_sign() -> None:
    found = compared(-2.0, np.array([1.0, -2.0, 3.0, 0.5]))
    assert (found["n_controls"], found["as_large"], found["control_p"]) == (4, 2, 3 / 5)
    assert (found["control_min"], found["control_max"]) == (-2.0, 3.0)
    assert found["control_mean"] == pytest.approx(0.625)


def test_effects_that_differ_by_rounding_are_as_large() -> None:
    assert compared(1.0, np.array([1.0 - 1e-12]))["as_large"] == 1
    assert compared(1.0, np.array([0.999]))["as_large"] == 0


def test_without_controls_nothing_is_said() -> None:
    found = compared(1.0, np.array([]))
    assert (found["effect_mean"], found["n_controls"], found["control_p"]) == (1.0, 0, None)


@pytest.mark.parametrize("n_controls", [19, 100])
def test_the_level_is_kept_where_any_heads_would_do(n_controls: int) -> None:
    """A unit is one of its controls like any other: a row of a heavy tail, over 1,000 seeds."""
    effects = np.random.default_rng(n_controls).standard_t(3, (N_SEEDS, n_controls + 1))
    found = [compared(float(row[0]), row[1:])["control_p"] for row in effects]
    wrong = np.mean([p is not None and p <= 0.05 for p in found])
    assert wrong <= 0.05 + 3 * (0.05 * 0.95 / N_SEEDS) ** 0.5

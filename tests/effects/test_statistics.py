"""The statistics against hand arithmetic, enumeration and TransformerLens' definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformer_lens.utilities.statistics import (
    standard_error as lens_standard_error,
)

from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.statistics import (
    Clusters,
    percentile_interval,
    standard_error,
)


def effects_of(n_pairs: int, shift: float = 0.4) -> Floats:
    return np.random.default_rng(n_pairs).normal(shift, 1.0, n_pairs)


def test_clusters_sum_points_of_a_pair_wherever_they_stand() -> None:
    clusters = Clusters(np.array([7, 2, 7, 2, 9]))
    sums = clusters.sums(np.array([[1.0, 10.0, 2.0, 20.0, 5.0], [1.0, 1.0, 1.0, 1.0, 1.0]]))
    assert clusters.sizes.tolist() == [2, 2, 1]
    assert sums.tolist() == [[30, 3, 5], [2, 2, 1]]


def test_standard_error_is_the_ordinary_one_with_one_point_a_pair() -> None:
    effects = effects_of(9)
    ours = standard_error(effects[None], np.ones(9))
    assert ours[0] == pytest.approx(float(lens_standard_error(torch.tensor(effects))), rel=1e-12)


def test_standard_error_by_hand_with_unequal_pairs() -> None:
    # Mean 6/3 = 2; residuals 2 - 2*1 = 0 and 4 - 2*2 = 0: both pairs have the mean exactly.
    assert standard_error(np.array([[2.0, 4.0]]), np.array([1.0, 2.0])).tolist() == [0.0]
    # Mean 9/3 = 3; residuals 1 - 3 = -2 and 8 - 6 = 2; sqrt(8 * 2/1) / 3 = 4/3.
    assert standard_error(np.array([[1.0, 8.0]]), np.array([1.0, 2.0]))[0] == pytest.approx(4 / 3)


def test_repeating_every_point_does_not_shrink_the_standard_error() -> None:
    effects = effects_of(6)
    once = standard_error(effects[None], np.ones(6))
    thrice = standard_error(3 * effects[None], np.full(6, 3.0))
    assert thrice[0] == pytest.approx(once[0], rel=1e-12)


def test_standard_error_of_one_pair_is_undefined() -> None:
    assert np.isnan(standard_error(np.array([[1.0]]), np.array([4.0]))).all()


def test_percentile_interval_interpolates() -> None:
    # 0..10: the 10th and 90th percentiles of eleven equally spaced draws are 1 and 9.
    draws = np.random.default_rng(0).permutation(11).astype(np.float64)
    assert percentile_interval(draws, 0.8) == pytest.approx([1.0, 9.0])
    assert percentile_interval(draws, 0.9) == pytest.approx([0.5, 9.5])


@pytest.mark.parametrize("n_draws", [1, 2, 17, 1000])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_percentile_interval_is_that_of_numpy(n_draws: int, confidence: float) -> None:
    draws = np.random.default_rng(n_draws).normal(size=(7, n_draws)).round(1)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    expected = np.quantile(draws, tails, axis=-1).T
    assert percentile_interval(draws, confidence) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_interval_is_undefined_where_a_draw_is(bad: float) -> None:
    draws = np.array([[0.0, 1.0, bad], [1.0, 1.0, 1.0]])
    interval = percentile_interval(draws, 0.95)
    assert np.isnan(interval[0]).all()
    assert interval[1].tolist() == [1.0, 1.0]

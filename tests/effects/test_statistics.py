"""The statistics against hand arithmetic, enumeration and TransformerLens' definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from transformer_lens.utilities.statistics import (
    bootstrap_ci,
    sign_flip_permutation_pvalue,
)
from transformer_lens.utilities.statistics import (
    standard_error as lens_standard_error,
)

from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.statistics import (
    Clusters,
    RowKey,
    bootstrap_sums,
    exact_sign_flip,
    percentile_interval,
    sampled_sign_flip,
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


def test_bootstrap_draws_as_many_pairs_as_there_are() -> None:
    columns = np.stack([np.ones(5), np.array([1.0, 10.0, 100.0, 1e3, 1e4])], axis=1)
    sums = bootstrap_sums(columns, key=3, n_resamples=200)
    assert (sums[:, 0] == 5).all()
    digits = np.array([[int(d) for d in f"{int(total):05d}"] for total in sums[:, 1]])
    assert (digits.sum(1) == 5).all()
    assert 0 in digits
    assert 2 in digits


def test_bootstrap_in_chunks_draws_every_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathpatch_runner.effects.statistics.CHUNK_ELEMENTS", 7)
    sums = bootstrap_sums(np.ones((3, 1)), key=1, n_resamples=25)
    assert sums.tolist() == [[3.0]] * 25


def test_bootstrap_interval_of_two_pairs_has_the_binomial_spread() -> None:
    # Of 2 pairs 0 and 1 a resample has mean 0, 1/2, 1 with probability 1/4, 1/2, 1/4.
    means = bootstrap_sums(np.array([[0.0], [1.0]]), key=11, n_resamples=20_000)[:, 0] / 2
    assert np.bincount((2 * means).astype(int)) / 20_000 == pytest.approx(
        [0.25, 0.5, 0.25], abs=0.01
    )


def test_bootstrap_interval_agrees_with_transformer_lens() -> None:
    effects = effects_of(40)
    draws = bootstrap_sums(effects[:, None], key=5, n_resamples=20_000)[:, 0] / 40
    low, high = bootstrap_ci(torch.tensor(effects), n_resamples=20_000)
    assert percentile_interval(draws, 0.95) == pytest.approx([float(low), float(high)], abs=0.015)


def test_percentile_interval_interpolates() -> None:
    # 0..10: the 10th and 90th percentiles of eleven equally spaced draws are 1 and 9.
    draws = np.random.default_rng(0).permutation(11).astype(np.float64)
    assert percentile_interval(draws, 0.8) == pytest.approx([1.0, 9.0])
    assert percentile_interval(draws, 0.9) == pytest.approx([0.5, 9.5])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_interval_is_undefined_where_a_draw_is(bad: float) -> None:
    draws = np.array([[0.0, 1.0, bad], [1.0, 1.0, 1.0]])
    interval = percentile_interval(draws, 0.95)
    assert np.isnan(interval[0]).all()
    assert interval[1].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("effects", "p"),
    [
        ([1.0, 1.0, 1.0], 2 / 8),  # only +++ and --- are as far from 0
        ([1.0, 2.0, 4.0], 2 / 8),
        ([1.0, -1.0, 0.5], 8 / 8),  # no pattern is nearer to 0 than the observed 0.5
        ([0.0, 0.0, 0.0], 1.0),
        ([3.0], 1.0),
    ],
)
def test_exact_sign_flip_by_hand(effects: list[float], p: float) -> None:
    assert exact_sign_flip(np.array([effects])).tolist() == [p]


@pytest.mark.parametrize("n_pairs", [1, 2, 5, 12])
def test_exact_sign_flip_is_that_of_transformer_lens(n_pairs: int) -> None:
    rows = np.stack([effects_of(n_pairs), effects_of(n_pairs, shift=-1.5)])
    expected = sign_flip_permutation_pvalue(torch.tensor(rows))
    assert exact_sign_flip(rows).tolist() == expected.tolist()


def test_sign_flip_counts_ties_that_differ_by_rounding() -> None:
    # 0.1 + 0.2 - 0.3 is 5.6e-17, not 0, in one order: all 8 patterns are at least as far.
    effects = np.array([0.1, 0.2, -0.3])
    assert exact_sign_flip(effects[None]).tolist() == [1.0]


def test_sampled_sign_flip_approaches_the_exact_one() -> None:
    effects = effects_of(10, shift=0.5)
    signs = np.array(list(itertools.product([1, -1], repeat=10)))
    far = np.abs(signs @ effects) >= abs(effects.sum()) - 1e-12
    sampled = sampled_sign_flip(effects, key=9, n_permutations=40_000)
    assert sampled == pytest.approx(far.mean(), abs=0.01)


def test_sampled_sign_flip_counts_the_observed_pattern() -> None:
    assert sampled_sign_flip(np.full(60, 1.0), key=1, n_permutations=999) == 1 / 1000
    assert sampled_sign_flip(np.zeros(60), key=1, n_permutations=999) == 1.0


def test_sampled_sign_flip_in_chunks_tries_every_permutation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pathpatch_runner.effects.statistics.CHUNK_ELEMENTS", 100)
    assert sampled_sign_flip(np.zeros(13), key=1, n_permutations=50) == 1.0


def test_row_keys_depend_on_the_seed_and_every_name() -> None:
    keys = {
        RowKey.of(0, "h", "path"),
        RowKey.of(1, "h", "path"),
        RowKey.of(0, "h", "pat", "h"),
        RowKey.of(0, "hp", "ath"),
    }
    assert len(keys) == 4
    assert RowKey.of(0, "h", "path") in keys
    # SHA-256 of '[0, "h"]', first and last 16 bytes, little endian.
    assert RowKey.of(0, "h").bootstrap.to_bytes(16, "little").hex() == (
        "1240d31f79912c5c037c7675a08965f5"
    )

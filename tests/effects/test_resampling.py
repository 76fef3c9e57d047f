"""The shared draws: exact small cases by hand, TransformerLens' definitions, error rates, and that
a row does not depend on the others."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from transformer_lens.utilities.statistics import bootstrap_ci, sign_flip_permutation_pvalue

from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.resampling import Bootstrap, SignFlips
from pathpatch_runner.effects.statistics import percentile_interval


def ids(n_pairs: int) -> tuple[str, ...]:
    return tuple(f"p{i}" for i in range(n_pairs))


def effects_of(n_pairs: int, shift: float = 0.4) -> Floats:
    return np.random.default_rng(n_pairs).normal(shift, 1.0, n_pairs)


def zeros(rows: Floats) -> np.ndarray:
    return np.zeros(len(rows), np.int64)


def mean_intervals(bootstrap: Bootstrap, rows: Floats, confidence: float = 0.95) -> Floats:
    sizes = np.ones((1, rows.shape[1]))
    return bootstrap.ratio_intervals(rows, sizes, zeros(rows), confidence)


def test_every_resample_holds_as_many_pairs_as_there_are() -> None:
    times = Bootstrap.of(3, ids(5), 200).times
    assert times.shape == (200, 5)
    assert (times.sum(1) == 5).all()
    assert {0, 1, 2} <= set(times.ravel().tolist())


def test_resamples_of_two_pairs_have_the_binomial_spread() -> None:
    # A resample of 2 pairs holds the first 0, 1 or 2 times with probability 1/4, 1/2, 1/4.
    first = Bootstrap.of(11, ids(2), 20_000).times[:, 0]
    assert np.bincount(first) / 20_000 == pytest.approx([0.25, 0.5, 0.25], abs=0.01)


def test_draws_depend_on_the_seed_and_the_pairs_and_on_nothing_else() -> None:
    times = Bootstrap.of(0, ids(6), 50).times
    assert (times == Bootstrap.of(0, ids(6), 50).times).all()
    assert (times != Bootstrap.of(1, ids(6), 50).times).any()
    assert (times != Bootstrap.of(0, ("other", *ids(6)[1:]), 50).times).any()
    signs = SignFlips.of(0, ids(20), 50).signs
    assert (signs == SignFlips.of(0, ids(20), 50).signs).all()
    assert (signs != SignFlips.of(1, ids(20), 50).signs).any()


def test_interval_agrees_with_transformer_lens() -> None:
    effects = effects_of(40)
    ours = mean_intervals(Bootstrap.of(5, ids(40), 20_000), effects[None])[0]
    low, high = bootstrap_ci(torch.tensor(effects), n_resamples=20_000)
    assert ours == pytest.approx([float(low), float(high)], abs=0.015)


def test_interval_of_a_ratio_by_hand() -> None:
    # Pairs 1/2 and 3/4: a resample has 2/4, 4/6 or 6/8, the outer two a quarter of the time each.
    rows = np.array([[1.0, 3.0]])
    below = np.array([[9.0, 9.0], [2.0, 4.0]])
    interval = Bootstrap.of(0, ids(2), 1000).ratio_intervals(rows, below, np.array([1]), 0.95)
    assert interval.tolist() == [[0.5, 0.75]]


def test_interval_is_undefined_where_a_denominator_can_be_zero_and_for_one_pair() -> None:
    rows = np.array([[1.0, 3.0]])
    below = np.array([[0.0, 4.0]])
    assert np.isnan(
        Bootstrap.of(0, ids(2), 1000).ratio_intervals(rows, below, zeros(rows), 0.95)
    ).all()
    assert np.isnan(mean_intervals(Bootstrap.of(0, ids(1), 1000), np.array([[1.0]]))).all()


@pytest.mark.parametrize("n_pairs", [3, 16, 48, 130])
def test_a_row_does_not_depend_on_how_many_there_are(n_pairs: int) -> None:
    rows = np.random.default_rng(1).normal(0.1, 1.0, (1500, n_pairs))
    bootstrap, flips = Bootstrap.of(0, ids(n_pairs), 200), SignFlips.of(0, ids(n_pairs), 200)
    together, p_values = mean_intervals(bootstrap, rows), flips.p_values(rows)
    for some in (slice(0, 1), slice(700, 731), slice(1499, 1500)):
        assert (mean_intervals(bootstrap, rows[some]) == together[some]).all()
        assert (flips.p_values(rows[some]) == p_values[some]).all()
        assert (bootstrap.sums(rows[some]) == bootstrap.sums(rows)[some]).all()


def test_differences_are_paired() -> None:
    # Two rows that differ by exactly 1 in every pair: every resample agrees on the difference.
    rows = effects_of(30) * 5 + np.array([[0.0], [1.0]])
    sums = Bootstrap.of(0, ids(30), 500).sums(rows) / 30
    interval = percentile_interval(sums[1] - sums[0], 0.95)
    assert interval == pytest.approx([1.0, 1.0], abs=1e-12)


@pytest.mark.parametrize(
    ("effects", "p"),
    [
        ([1.0, 1.0, 1.0], 2 / 8),  # only +++ and --- are as far from 0
        ([1.0, 2.0, 4.0], 2 / 8),
        ([1.0, -1.0, 0.5], 8 / 8),  # no pattern is nearer to 0 than the observed 0.5
        ([0.0, 0.0, 0.0], 1.0),
        ([3.0], 1.0),
        ([0.1, 0.2, -0.3], 1.0),  # 0, not 5.6e-17: what differs by rounding is a tie
    ],
)
def test_exact_sign_flip_by_hand(effects: list[float], p: float) -> None:
    flips = SignFlips.of(0, ids(len(effects)), 1000)
    assert flips.exact
    assert flips.p_values(np.array([effects])).tolist() == [p]


@pytest.mark.parametrize("n_pairs", [1, 2, 5, 12])
def test_exact_sign_flip_is_that_of_transformer_lens(n_pairs: int) -> None:
    rows = np.stack([effects_of(n_pairs), effects_of(n_pairs, shift=-1.5)])
    expected = sign_flip_permutation_pvalue(torch.tensor(rows))
    assert SignFlips.of(0, ids(n_pairs), 1000).p_values(rows).tolist() == expected.tolist()


def test_sampled_sign_flip_approaches_the_enumerated_one() -> None:
    effects = effects_of(14, shift=0.5)
    signs = np.array(list(itertools.product([1, -1], repeat=14)))
    far = np.abs(signs @ effects) >= abs(effects.sum()) - 1e-12
    flips = SignFlips.of(9, ids(14), 40_000)
    assert not flips.exact
    assert flips.p_values(effects[None])[0] == pytest.approx(far.mean(), abs=0.01)


@pytest.mark.parametrize(
    ("n_pairs", "floor"), [(1, 1.0), (2, 2 / 4), (4, 2 / 16), (12, 2 / 4096), (60, 1 / 1000)]
)
def test_the_floor_is_the_p_value_of_effects_of_one_sign(n_pairs: int, floor: float) -> None:
    flips = SignFlips.of(1, ids(n_pairs), 999)
    assert flips.floor == floor
    assert flips.p_values(np.ones((1, n_pairs))).tolist() == [floor]
    assert flips.p_values(np.zeros((1, n_pairs))).tolist() == [1.0]


def test_max_t_by_hand() -> None:
    # Three pairs, first sign fixed: +++ ++- +-+ +--. Scaled by the root of the sum of squares:
    # row a = 1 1 1 / sqrt 3: |t| = 3 1 1 1 / 1.732; row b = 1 1 0 / sqrt 2: 2 2 0 0 / 1.414;
    # row c = 1 -1 0 / sqrt 2: 0 0 2 2 / 1.414. Observed: a 1.732, b 1.414, c 0.
    rows = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, -1.0, 0.0]])
    flips = SignFlips.of(0, ids(3), 1000)
    # Alone: a 1/4, b 2/4, c 4/4. Together, from the least up: max(b, c) reaches 1.414 in all four
    # patterns, so b is 1; max(a, b, c) reaches 1.732 in one.
    assert flips.p_values(rows).tolist() == [1 / 4, 2 / 4, 1.0]
    assert flips.max_t(rows).tolist() == [1 / 4, 1.0, 1.0]
    assert flips.max_t(rows[:1]).tolist() == [1 / 4]


@pytest.mark.parametrize("n_pairs", [8, 40])
def test_max_t_against_a_plain_loop(n_pairs: int) -> None:
    rng = np.random.default_rng(n_pairs)
    rows = rng.normal(rng.normal(0, 0.3, (30, 1)), rng.uniform(0.1, 9, (30, 1)), (30, n_pairs))
    flips = SignFlips.of(0, ids(n_pairs), 400)
    scaled = rows / np.sqrt((rows**2).sum(1, keepdims=True))
    null = np.abs(scaled @ flips.signs.T.astype(float))
    observed = np.abs(scaled.sum(1))
    order = np.argsort(-observed)
    expected, worst = np.empty(30), 0.0
    for rank, row in enumerate(order):
        hits = (null[order[rank:]].max(0) >= observed[row] - 1e-12).sum()
        p = hits / len(flips.signs) if flips.exact else (hits + 1) / (len(flips.signs) + 1)
        worst = expected[row] = max(worst, p)
    assert flips.max_t(rows) == pytest.approx(expected, rel=1e-12)
    assert (flips.max_t(rows) >= flips.p_values(rows)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("n_pairs", [6, 20])
def test_a_row_that_is_not_finite_has_no_p_value_and_spoils_no_other(
    bad: float, n_pairs: int
) -> None:
    flips = SignFlips.of(0, ids(n_pairs), 200)
    rows = np.array([effects_of(n_pairs), effects_of(n_pairs), np.zeros(n_pairs)])
    spoilt = rows.copy()
    spoilt[1, 2] = bad
    for test in (flips.p_values, flips.max_t):
        p_values = test(spoilt)
        assert np.isnan(p_values).tolist() == [False, True, False]
        assert p_values[0] == test(rows[[0, 2]])[0]


def rejected(p_values: Floats, level: float = 0.05) -> float:
    return float((p_values <= level).mean())


def at_most(level: float, n: int) -> float:
    """The level and three standard errors of a share of n."""
    return level + 3 * float(np.sqrt(level * (1 - level) / n))


@pytest.mark.parametrize(("n_pairs", "n_permutations"), [(6, 1000), (10, 1000), (24, 999)])
@pytest.mark.parametrize("kind", ["normal", "skewless heavy tails", "unequal spreads"])
def test_sign_flip_keeps_its_level_over_1000_seeds(
    n_pairs: int, n_permutations: int, kind: str
) -> None:
    p_values = []
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        values = rng.standard_t(2, n_pairs) if "tails" in kind else rng.normal(size=n_pairs)
        if kind == "unequal spreads":
            values *= np.arange(1, n_pairs + 1)
        p_values.append(values)
    # One set of flips for the 1,000 draws would do, since they are independent; another for each
    # hundred shows that no one set is lucky.
    rows = np.array(p_values)
    found = np.concatenate(
        [
            SignFlips.of(part, ids(n_pairs), n_permutations).p_values(rows[100 * part :][:100])
            for part in range(10)
        ]
    )
    assert rejected(found) <= at_most(0.05, 1000)


def test_max_t_keeps_the_family_wise_level_over_1000_seeds() -> None:
    # 15 correlated rows without effect: any finding at all is a mistake.
    mistakes, unadjusted = 0, 0
    flips = SignFlips.of(0, ids(10), 1000)
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(15, 10)) + rng.normal(size=10)
        mistakes += bool((flips.max_t(rows) <= 0.05).any())
        unadjusted += bool((flips.p_values(rows) <= 0.05).any())
    assert mistakes / 1000 <= at_most(0.05, 1000)
    assert unadjusted / 1000 > 0.15


def test_intervals_of_many_pairs_hold_the_truth_as_often_as_they_say() -> None:
    # 1,000 data sets of 60 pairs with mean 2; the percentile interval is a little too narrow.
    rows = np.random.default_rng(0).normal(2.0, 1.0, (1000, 60))
    low, high = mean_intervals(Bootstrap.of(0, ids(60), 1000), rows).T
    covered = ((low <= 2) & (high >= 2)).mean()
    assert 0.92 <= covered <= 0.97

"""Levels: p values against exhaustion, and how often they are wrong where nothing is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pathpatch_runner.config import Correction
from pathpatch_runner.search.level import SMALL, LevelTests, corrected, least_p, sign_flip_p

N_SEEDS = 1000


def ids(n: int) -> tuple[str, ...]:
    return tuple(map(str, range(n)))


def by_exhaustion(values: np.ndarray) -> float:
    signs = np.array(list(itertools.product((1, -1), repeat=len(values))))
    far = np.abs(signs @ values) >= abs(values.sum()) - 1e-12
    return float(far.mean())


def test_small_p_values_are_exact() -> None:
    rng = np.random.default_rng(0)
    sums = rng.normal(1.0, 1.0, (40, 14))
    found = sign_flip_p(sums, ids(14), 0)
    small = found < SMALL
    assert 5 < small.sum() < 40
    wanted = [by_exhaustion(row) for row in sums[small]]
    assert found[small] == pytest.approx(wanted, abs=1e-12)


def test_effects_of_one_sign_have_the_least_p_there_is() -> None:
    for n_pairs in (2, 5, 12, 13, 24, 60):
        found = sign_flip_p(np.ones((1, n_pairs)), ids(n_pairs), 0)[0]
        assert found == least_p(n_pairs) == 2.0 ** (1 - min(n_pairs, 24))


def test_no_effect_at_all_is_not_significant() -> None:
    assert sign_flip_p(np.zeros((1, 30)), ids(30), 0)[0] == 1.0


@pytest.mark.parametrize("n_pairs", [8, 16, 40])
@pytest.mark.parametrize("level", [0.001, 0.01, 0.05])
def test_false_findings_where_nothing_has_an_effect(n_pairs: int, level: float) -> None:
    """Effects of a heavy tail, symmetric about 0: a row is a seed."""
    rows = 40 * N_SEEDS if level < 0.01 else N_SEEDS
    sums = np.random.default_rng(n_pairs).standard_t(3, (rows, n_pairs))
    found = sign_flip_p(sums, ids(n_pairs), 1)
    # Three standard errors of a share of `rows` above the level.
    assert (found <= level).mean() <= level + 3 * (level * (1 - level) / rows) ** 0.5


@pytest.mark.parametrize("correction", [Correction.fdr, Correction.bonferroni])
def test_levels_without_any_effect_rarely_have_a_finding(correction: Correction) -> None:
    """With nothing to find every finding is false, so both keep the chance of one at alpha."""
    rng = np.random.default_rng(5)
    n_tests, n_pairs = 30, 16
    sums = rng.standard_t(3, (N_SEEDS * n_tests, n_pairs)).reshape(-1, n_pairs)
    p_values = sign_flip_p(sums, ids(n_pairs), 2).reshape(N_SEEDS, n_tests)
    wrong = [bool((corrected(row, correction) <= 0.05).any()) for row in p_values]
    assert np.mean(wrong) <= 0.05 + 3 * (0.05 * 0.95 / N_SEEDS) ** 0.5


def test_corrections_by_hand() -> None:
    p_values = np.array([0.01, 0.04, 0.03])
    assert corrected(p_values, Correction.none) == pytest.approx([0.01, 0.04, 0.03])
    assert corrected(p_values, Correction.bonferroni) == pytest.approx([0.03, 0.12, 0.09])
    assert corrected(p_values, Correction.fdr) == pytest.approx([0.03, 0.04, 0.04])


def test_means_are_over_points_and_shares_of_the_mean_total() -> None:
    sizes, totals = np.array([1.0, 3.0]), np.array([4.0, 12.0])
    tests = LevelTests(ids(2), sizes, totals, Correction.none, 0)
    found = tests.level(np.array([[2.0, 2.0]]))
    assert found.effect == pytest.approx([1.0])
    assert found.share == pytest.approx([0.25])

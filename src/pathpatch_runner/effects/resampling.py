"""One bootstrap and one set of sign flips for a whole run, shared by all its rows.

The *bootstrap* draws as many pairs as there are, with replacement, again and again: `times`
[resample, pair] says how often a resample holds a pair. Of three pairs, a resample that drew the
first twice and the last once is (2, 0, 1), and the sum it gives is 2 x_1 + x_3. *Sign flips* turn
the effects of some pairs round, as they might as well have come out if nothing had an effect:
`signs` [pattern, pair] holds 1 and -1. Both are a matrix, so a statistic of all rows is a matrix
product, and it costs seconds for 100,000 rows.

That all rows share the draws has two more uses. The difference of two rows is paired: every
resample compares them on the same pairs. And rows can be tested together (`max_t`), since each
pattern shows what all rows do at once when there is no effect.

The matrices are drawn from the run's seed and its pairs' ids. So a row depends on the pairs and
not on the other rows, and runs on the same pairs can be compared resample by resample.

Points of one pair share a prompt, so pairs, not points, are resampled and flipped.
Shapes: row, pair, resample, pattern. Sums are held for one block of rows at a time, so that memory
is bounded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pathpatch_runner.config import StatisticsConfig
from pathpatch_runner.effects.arrays import Floats, Integers
from pathpatch_runner.effects.statistics import percentile_interval, quotient

EXACT_PAIRS = 12
"""Up to this many pairs every pattern of signs is tried, as TransformerLens does."""

TIE_TOLERANCE = 100 * np.finfo(np.float64).eps
"""Of the sum of |effects|: sums this near the observed one differ by rounding only."""

BLOCK_ROWS = 128
"""Rows whose sums are held at a time: a megabyte with 1,000 draws, which stays in a cache."""

TILE_ROWS, TILE_PRODUCTS = 16, 1 << 18
"""Of one call of BLAS: the most multiplications for which OpenBLAS starts no threads. On a busy
machine, waiting for them would take far longer than the product."""


@dataclass(frozen=True)
class Bootstrap:
    """`times` [resample, pair]: how often each resample holds each pair; every row of it sums to
    the number of pairs."""

    times: NDArray[np.uint16]

    @classmethod
    def of(cls, seed: int, pair_ids: Sequence[str], n_resamples: int) -> Bootstrap:
        """Drawn with replacement. Needs at least one pair."""
        n_pairs = len(pair_ids)
        generator = _generator(seed, "bootstrap", pair_ids)
        times = np.empty((n_resamples, n_pairs), np.uint16)
        for resample in times:
            picked = generator.integers(0, n_pairs, n_pairs)
            resample[:] = np.bincount(picked, minlength=n_pairs)
        return cls(times)

    def sums(self, values: Floats) -> Floats:
        """[row, resample] of values [row, pair]; for few rows. NaN below two pairs: one pair says
        nothing of how pairs differ."""
        if self.times.shape[1] < 2:
            return np.full((len(values), len(self.times)), np.nan)
        return np.concatenate([block for _, block in _products(values, self.times)])

    def ratio_intervals(
        self, numerators: Floats, denominators: Floats, of: Integers, confidence: float
    ) -> Floats:
        """[row, 2]: the interval of sum(numerators) / sum(denominators).

        `numerators` [row, pair]; `denominators` [kind, pair], few, and `of` [row]: which of them
        is the row's. NaN where a resample's denominator is 0, and below two pairs.
        """
        intervals = np.full((len(numerators), 2), np.nan)
        below = self.sums(denominators)
        below = np.where(below == 0, np.nan, below)
        for rows, sums in _products(numerators, self.times):
            sums /= below[of[rows]]
            intervals[rows] = percentile_interval(sums, confidence, in_place=True)
        return intervals


@dataclass(frozen=True)
class SignFlips:
    """`signs` [pattern, pair]: 1 or -1. `exact`: every pattern that there is (the first pair's
    sign fixed: a pattern and its negation are equally far from 0), else random ones."""

    signs: NDArray[np.int8]
    exact: bool

    @classmethod
    def of(cls, seed: int, pair_ids: Sequence[str], n_permutations: int) -> SignFlips:
        """All patterns of few pairs, `n_permutations` random ones of more."""
        n_pairs = len(pair_ids)
        if n_pairs <= EXACT_PAIRS:
            bits = np.arange(1 << (n_pairs - 1))[:, None] >> np.arange(n_pairs)[::-1] & 1
            return cls((1 - 2 * bits).astype(np.int8), exact=True)
        generator = _generator(seed, "sign flips", pair_ids)
        signs = np.empty((n_permutations, n_pairs), np.int8)
        for pattern in signs:
            pattern[:] = 2 * generator.integers(0, 2, n_pairs, np.int8) - 1
        return cls(signs, exact=False)

    @property
    def floor(self) -> float:
        """The least p value there can be. With 4 pairs only 2 of the 16 patterns (all as observed,
        all turned round) are as far from 0 as effects of one sign: p is 2/16 at least."""
        return self._p_values(np.array([1.0 if self.exact else 0.0])).item()

    def p_values(self, values: Floats) -> Floats:
        """[row] of values [row, pair]: two-sided p that the mean is 0.

        The fraction of patterns that bring the sum at least as far from 0 as the observed one;
        where patterns are random, the observed one counts as one of them. NaN for a row that holds
        a number that is not finite.
        """
        values, defined = _finite(values)
        hits = np.empty(len(values))
        for rows, sums in _products(values, self.signs):
            part = values[rows]
            tolerance = TIE_TOLERANCE * np.abs(part).sum(-1)
            far = np.abs(part.sum(-1)) - tolerance
            hits[rows] = np.count_nonzero(np.abs(sums) >= far[:, None], axis=-1)
        return np.where(defined, self._p_values(hits), np.nan)

    def _p_values(self, hits: Floats) -> Floats:
        if self.exact:
            return hits / len(self.signs)
        return (hits + 1) / (len(self.signs) + 1)

    def max_t(self, values: Floats) -> Floats:
        """[row] of values [row, pair]: p values adjusted for testing all these rows together.

        Step-down max-T (Westfall and Young 1993, algorithm 4.1). Rows are brought to one scale,
        t = sum / sqrt(sum of squares), which flips do not change. From the least |t| up, each row
        is compared with the largest |t| of a pattern among the rows so far: the chance that any of
        them comes this far from 0 without effect. Calling rows with p <= 0.05 findings makes a
        single false finding among all rows no likelier than 5%. Never below `p_values`. NaN for a
        row that holds a number that is not finite; the others are tested as if it had no effect.
        """
        values, defined = _finite(values)
        scale = np.sqrt(np.square(values).sum(-1, keepdims=True))
        scaled = quotient(values, np.broadcast_to(scale, values.shape), undefined=0.0)
        tolerance = TIE_TOLERANCE * np.abs(scaled).sum(-1)
        observed = np.abs(scaled.sum(-1)) - tolerance
        order = np.argsort(observed, kind="stable")
        hits = np.empty(len(values))
        largest = np.zeros(len(self.signs))
        for rows, sums in _products(scaled[order], self.signs):
            so_far = np.abs(sums, out=sums)
            for of_row in so_far:
                largest = np.maximum(largest, of_row, out=of_row)
            own = order[rows]
            hits[own] = np.count_nonzero(so_far >= observed[own, None], axis=-1)
        # A row that is farther from 0 must not have the larger p value.
        adjusted = np.empty(len(values))
        adjusted[order] = np.maximum.accumulate(self._p_values(hits[order])[::-1])[::-1]
        return np.where(defined, adjusted, np.nan)


@dataclass(frozen=True)
class Draws:
    """Both matrices of a run, and the `confidence` of its intervals."""

    bootstrap: Bootstrap
    flips: SignFlips
    confidence: float

    @classmethod
    def of(cls, pair_ids: Sequence[str], statistics: StatisticsConfig, seed: int) -> Draws:
        """`seed`: the run's."""
        return cls(
            Bootstrap.of(seed, pair_ids, statistics.n_resamples),
            SignFlips.of(seed, pair_ids, statistics.n_permutations),
            statistics.confidence,
        )


def _generator(seed: int, purpose: str, pair_ids: Sequence[str]) -> np.random.Generator:
    """A stream of its own for each seed, purpose and list of pairs."""
    digest = hashlib.sha256(json.dumps([seed, purpose, *pair_ids]).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def _finite(values: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Values [row, pair] with 0 throughout the rows that hold a number that is not finite, and
    which rows hold none [row]."""
    defined: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(-1))
    return np.where(defined[:, None], values, 0.0), defined


def _products(
    values: Floats, weights: NDArray[np.uint16] | NDArray[np.int8]
) -> Iterator[tuple[slice, Floats]]:
    """(rows, [row of the block, draw]) of values [row, pair] and weights [draw, pair].

    Products are of tiles of one size, the last ones filled up with zeros: BLAS may round
    differently for other sizes, and then a row would depend on how many there are.
    """
    n_draws, n_pairs = weights.shape
    by_pair = weights.T.astype(np.float64)
    step = max(8, TILE_PRODUCTS // (TILE_ROWS * n_pairs))
    block = np.zeros((BLOCK_ROWS, n_pairs))
    for start in range(0, len(values), BLOCK_ROWS):
        rows = slice(start, min(start + BLOCK_ROWS, len(values)))
        count = rows.stop - start
        block[:count] = values[rows]
        block[count:] = 0
        sums = np.empty((BLOCK_ROWS, n_draws))
        for top in range(0, count, TILE_ROWS):
            tile = slice(top, top + TILE_ROWS)
            for left in range(0, n_draws, step):
                draws = slice(left, left + step)
                np.matmul(block[tile], by_pair[:, draws], out=sums[tile, draws])
        yield rows, sums[:count]

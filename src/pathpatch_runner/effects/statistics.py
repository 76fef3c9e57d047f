"""Statistics of a mean over evaluation points whose pairs were drawn independently.

Points of one pair share a prompt, so pairs, not points, are what is counted: a *cluster* is the
points of one pair. With one point a pair everything here is the textbook formula, and as in
`transformer_lens.utilities.statistics`: percentiles of the draws, unbiased standard error. What is
drawn at random is in `resampling`.

Shapes: point (evaluation points), pair (clusters), row (rows of the summary).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pathpatch_runner.effects.arrays import Floats, Integers


@dataclass(frozen=True)
class Clusters:
    """Which points belong to one pair. `pair_index` [point]: any integers, one per pair."""

    pair_index: Integers

    @cached_property
    def _order(self) -> Integers:
        return np.argsort(self.pair_index, kind="stable")

    @cached_property
    def _starts(self) -> Integers:
        grouped = self.pair_index[self._order]
        starts: Integers = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]])
        return starts

    @cached_property
    def sizes(self) -> Floats:
        """[pair]: points of every pair, as floats."""
        sizes: Floats = np.diff(np.r_[self._starts, len(self.pair_index)]).astype(np.float64)
        return sizes

    @property
    def firsts(self) -> Integers:
        """[pair]: the index of every pair's first point."""
        firsts: Integers = self._order[self._starts]
        return firsts

    def sums(self, values: Floats) -> Floats:
        """[..., pair] of values [..., point]: the sum over each pair's points."""
        summed: Floats = np.add.reduceat(values[..., self._order], self._starts, axis=-1)
        return summed


def standard_error(sums: Floats, sizes: Floats) -> Floats:
    """[row] of sums [row, pair], sizes [pair]: standard error of sum(sums) / sum(sizes).

    The linearised ratio estimator with pairs as clusters (Cochran 1977, chapter 6); with one
    point a pair it is the unbiased std / sqrt(n). NaN below two pairs.
    """
    n_pairs = len(sizes)
    if n_pairs < 2:
        return np.full(sums.shape[:-1], np.nan)
    means = sums.sum(-1, keepdims=True) / sizes.sum()
    squares: Floats = np.square(sums - means * sizes).sum(-1)
    return np.sqrt(squares * n_pairs / (n_pairs - 1)) / float(sizes.sum())


def quotient(numerators: Floats, denominators: Floats, undefined: float = np.nan) -> Floats:
    """Elementwise; `undefined` where the denominator is 0."""
    shape = np.broadcast_shapes(numerators.shape, denominators.shape)
    result: Floats = np.divide(
        numerators, denominators, out=np.full(shape, undefined), where=denominators != 0
    )
    return result


def percentile_interval(draws: Floats, confidence: float, *, in_place: bool = False) -> Floats:
    """[..., 2] of draws [..., resample]: the central interval, linearly interpolated. `in_place`:
    the draws may be put in another order.

    NaN where any draw is not a finite number: an interval cannot leave resamples out.
    """
    last = draws.shape[-1] - 1
    ranks = (1 - confidence) / 2 * last, (1 + confidence) / 2 * last
    low, high = map(math.floor, ranks)
    # Parting the draws at two places takes less time than sorting them.
    parted = draws if in_place else draws.copy()
    parted.partition(high, axis=-1)
    if low < high:
        parted[..., :high].partition(low, axis=-1)
    bounds = [_at_rank(parted, rank) for rank in ranks]
    defined = np.isfinite(draws).all(-1, keepdims=True)
    return np.where(defined, np.stack(bounds, axis=-1), np.nan)


def _at_rank(parted: Floats, rank: float) -> Floats:
    """[...] of draws [..., resample]: what stands at `rank` in ascending order, from 0; between
    two, in proportion. `parted`: at the rank below."""
    below = math.floor(rank)
    low = parted[..., below]
    if below == rank:
        return low
    high = parted[..., below + 1 :].min(-1)
    with np.errstate(invalid="ignore"):
        between: Floats = low + (high - low) * (rank - below)
    return between

"""Statistics of a mean over evaluation points whose pairs were drawn independently.

Points of one pair share a prompt, so pairs, not points, are what is resampled, flipped and
counted: a *cluster* is the points of one pair. With one point a pair everything here is the
textbook formula, and as in `transformer_lens.utilities.statistics`: percentile bootstrap,
two-sided sign-flip permutation, unbiased standard error.

Random numbers come from one counter-based stream per row of the summary and purpose, keyed by
a hash of the row's names (`RowKey`): a row does not depend on which other rows are computed.

Shapes: point (evaluation points), pair (clusters), row (rows of the summary).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pathpatch_runner.effects.arrays import Floats, Integers

EXACT_PAIRS = 12
"""Up to this many pairs every pattern of signs is tried, as TransformerLens does."""

TIE_TOLERANCE = 100 * np.finfo(np.float64).eps
"""Of the sum of |effects|: permuted means this near the observed one differ by rounding only."""

CHUNK_ELEMENTS = 1 << 16
"""Random numbers, or permuted means, held at a time: they stay in a core's cache."""


@dataclass(frozen=True)
class RowKey:
    """Keys of a row's two random streams, each 128 bits."""

    bootstrap: int
    permutation: int

    @classmethod
    def of(cls, seed: int, *names: str) -> RowKey:
        """From the run's seed and the names that identify the row."""
        digest = hashlib.sha256(json.dumps([seed, *names]).encode()).digest()
        return cls(int.from_bytes(digest[:16], "little"), int.from_bytes(digest[16:], "little"))


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


def bootstrap_sums(columns: Floats, key: int, n_resamples: int) -> Floats:
    """[resample, column] of columns [pair, column]: sums over pairs drawn with replacement.

    Every resample draws as many pairs as there are, the same ones for all columns.
    """
    n_pairs = len(columns)
    generator = np.random.Generator(np.random.Philox(key=key))
    dtype = np.uint16 if n_pairs <= 1 << 16 else np.int64
    draws = np.empty((n_resamples, columns.shape[1]))
    step = max(1, CHUNK_ELEMENTS // n_pairs)
    for start in range(0, n_resamples, step):
        count = min(step, n_resamples - start)
        picked = generator.integers(0, n_pairs, (count, n_pairs), dtype)
        cells = picked + np.arange(count)[:, None] * n_pairs
        times = np.bincount(cells.ravel(), minlength=count * n_pairs).reshape(count, n_pairs)
        draws[start : start + count] = times.astype(np.float64) @ columns
    return draws


def percentile_interval(draws: Floats, confidence: float) -> Floats:
    """[..., 2] of draws [..., resample]: the central interval, linearly interpolated.

    NaN where any draw is not a finite number: an interval cannot leave resamples out.
    """
    ordered = np.sort(draws, axis=-1)
    n_draws = draws.shape[-1]
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2]) * (n_draws - 1)
    below = np.floor(tails).astype(np.int64)
    above = np.minimum(below + 1, n_draws - 1)
    low, high = ordered[..., below], ordered[..., above]
    with np.errstate(invalid="ignore"):
        interval = low + (high - low) * (tails - below)
    defined = np.isfinite(ordered[..., :1]) & np.isfinite(ordered[..., -1:])
    return np.where(defined, interval, np.nan)


def exact_sign_flip(sums: Floats) -> Floats:
    """[row] of sums [row, pair]: two-sided p that the mean is 0, over all 2**pair sign patterns."""
    n_rows, n_pairs = sums.shape
    # A pattern and its negation have the same |mean|: the first sign can stay fixed.
    n_patterns = 1 << (n_pairs - 1)
    hits: Floats = np.empty(n_rows)
    step = max(1, CHUNK_ELEMENTS // n_patterns)
    for start in range(0, n_rows, step):
        part = sums[start : start + step]
        null = part[:, :1]
        for pair in range(1, n_pairs):
            flipped = part[:, pair : pair + 1]
            null = np.concatenate([null + flipped, null - flipped], axis=1)
        hits[start : start + step] = _hits(null, part)
    return hits / float(n_patterns)


def sampled_sign_flip(sums: Floats, key: int, n_permutations: int) -> float:
    """Of sums [pair]: two-sided p that the mean is 0, over random sign patterns.

    (hits + 1) / (n_permutations + 1): the observed pattern counts as one of them.
    """
    n_pairs = len(sums)
    generator = np.random.Generator(np.random.Philox(key=key))
    hits = 0.0
    step = max(1, CHUNK_ELEMENTS // n_pairs)
    for start in range(0, n_permutations, step):
        count = min(step, n_permutations - start)
        packed = np.frombuffer(generator.bytes(-(-count * n_pairs // 8)), np.uint8)
        kept = np.unpackbits(packed, count=count * n_pairs).reshape(count, n_pairs)
        # Not `@`: BLAS would start threads for a product this small, and wait for them.
        null = 2 * np.einsum("fp,p->f", kept.astype(np.float64), sums) - sums.sum()
        hits += float(_hits(null[None], sums[None])[0])
    return (hits + 1) / (n_permutations + 1)


def _hits(null: Floats, sums: Floats) -> Floats:
    """[row] of null [row, pattern], sums [row, pair]: patterns at least as far from 0."""
    tolerance = TIE_TOLERANCE * np.abs(sums).sum(-1, keepdims=True)
    observed = np.abs(sums.sum(-1, keepdims=True))
    hits: Integers = np.count_nonzero(np.abs(null) >= observed - tolerance, axis=-1)
    return hits.astype(np.float64)

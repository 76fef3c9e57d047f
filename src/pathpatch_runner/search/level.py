"""The tests of one level: which tails have an effect, when many are tried at once.

A *level* is a set of tails that are evaluated and tested together. Each is tested for a mean effect
of 0 by flipping the signs of pairs, and the p values are corrected for their number:

    fdr          q: the least false discovery rate (Benjamini-Hochberg) at which it is a finding
    bonferroni   q = p * tests: no false finding at all, but for a chance of q
    none         q = p

Of a thousand tests the best must have a p value of 0.05 / 1000, which a thousand random flips
cannot give. So p values that random flips find small are computed exactly, over all 2^n flips of n
*blocks*: the pairs themselves, or where there are many, MOST_BLOCKS sums of pairs. The sums over
one half of the blocks are sorted, and for each sum over the other half it is looked up how many
take the total far enough from 0.

Both p values are valid, and so is taking the exact one where random flips gave less than `SMALL`:
a result below `SMALL` is an exact p value, and one above it is at least as large as the random p.

Shapes: row (tails), pair, block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pathpatch_runner.config import Correction
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.multiplicity import false_discovery_rate
from pathpatch_runner.effects.resampling import EXACT_PAIRS, TIE_TOLERANCE, SignFlips

MOST_BLOCKS = 24
"""2^23 patterns up to sign: p values down to 1.2e-7."""
N_RANDOM = 1000
SMALL = 0.02
"""Random flips that give less than this are followed by exact ones."""


@dataclass(frozen=True)
class Tested:
    """[row] each: mean effect per evaluation point, its share of the total effect, p, q."""

    effect: Floats
    share: Floats
    p_value: Floats
    q_value: Floats


@dataclass(frozen=True)
class LevelTests:
    """How levels of one search are tested. `pair_ids`, `sizes` [pair]: with their evaluation
    points; `totals` [pair]: sums of the total effect over these; `seed`: of the run."""

    pair_ids: tuple[str, ...]
    sizes: Floats
    totals: Floats
    correction: Correction
    seed: int

    def level(self, sums: Floats) -> Tested:
        """Test tails together. `sums` [row, pair]: effects, summed over the points of each pair."""
        effect = sums.sum(-1) / self.sizes.sum()
        total = self.totals.sum() / self.sizes.sum()
        share = effect / total if total else np.full(len(effect), np.nan)
        p_values = sign_flip_p(sums, self.pair_ids, self.seed)
        return Tested(effect, share, p_values, corrected(p_values, self.correction))


def corrected(p_values: Floats, correction: Correction) -> Floats:
    """[row]: q of p, all tests of a level."""
    if correction is Correction.fdr:
        return false_discovery_rate(p_values)
    if correction is Correction.bonferroni:
        return np.minimum(1.0, p_values * len(p_values))
    return p_values


def least_p(n_pairs: int) -> float:
    """The least p value that so many pairs can give: all effects of one sign."""
    return float(2.0 ** (1 - min(n_pairs, MOST_BLOCKS)))


def sign_flip_p(sums: Floats, pair_ids: tuple[str, ...], seed: int) -> Floats:
    """[row] of sums [row, pair]: two-sided p that the mean is 0."""
    flips = SignFlips.of(seed, pair_ids, N_RANDOM)
    p_values = flips.p_values(sums)
    if len(pair_ids) <= EXACT_PAIRS:
        return p_values
    small = np.flatnonzero(p_values < SMALL)
    blocks = _blocks(sums[small], seed)
    for row, values in zip(small, blocks, strict=True):
        p_values[row] = _exact(values)
    return p_values


def _blocks(sums: Floats, seed: int) -> Floats:
    """[row, block] of sums [row, pair]: sums of pairs, dealt out at random."""
    n_pairs = sums.shape[1]
    if n_pairs <= MOST_BLOCKS:
        return sums
    order = np.random.default_rng([seed, n_pairs]).permutation(n_pairs)
    starts = np.arange(MOST_BLOCKS) * n_pairs // MOST_BLOCKS
    blocks: Floats = np.add.reduceat(sums[:, order], starts, axis=1)
    return blocks


def _exact(values: Floats) -> float:
    """Of values [block]: the share of sign patterns whose sum is at least as far from 0."""
    half = len(values) // 2
    # A pattern and its negation are equally far: the first sign can stay.
    left = values[0] + _signed_sums(values[1:half])
    right = np.sort(_signed_sums(values[half:]))
    far = abs(values.sum()) - TIE_TOLERANCE * np.abs(values).sum()
    above = len(right) - np.searchsorted(right, far - left, side="left")
    below = np.searchsorted(right, -far - left, side="right")
    hits = len(left) * len(right) if far <= 0 else int(above.sum() + below.sum())
    return float(hits / (len(left) * len(right)))


def _signed_sums(values: Floats) -> Floats:
    """[2^n]: the sum under every pattern of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums

"""Circuits of growing size as curves: how much they carry, and how well they find a known circuit.

Let f(size) be the normalised effect of the circuit of that size in denoising: 0 where it carries
nothing, 1 where it carries all of the behaviour. As the MIB benchmark has it (Mueller et al. 2025):

- CPR, the area under f over the nominal sizes: larger is better, and above 1 it overshoots;
- CMD, the area between f and 1: 0 where every circuit carries exactly everything.

Areas are sums of trapezoids between neighbouring sizes, with nothing below the smallest: f = 1 at
sizes .001, ..., 1 has CPR 1 - .001 = .999. Example: sizes 0.2, 0.6, 1 and f = 0, 0.5, 1.5 have
CPR 0.4 * 0.25 + 0.4 * 1 = 0.5, and |1 - f| = 1, 0.5, 0.5 has CMD 0.4 * 0.75 + 0.4 * 0.5 = 0.5.

Against a *reference* circuit, a circuit is a guess which edges are in it: true positives are in
both, false positives in the guess only. The AUROC is the area under the curve of the true positive
rate over the false positive rate.

Shapes: size (ascending), draw (anything before it: resamples, rows), edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pathpatch_runner.effects.arrays import Floats, Integers

Mask = NDArray[np.bool_]


def area(values: Floats, sizes: Floats) -> Floats:
    """[draw] of values [draw, size] at sizes [size]: the sum of trapezoids."""
    heights = (values[..., 1:] + values[..., :-1]) / 2
    total: Floats = np.asarray(heights @ np.diff(sizes))
    return total


def cpr(carried: Floats, sizes: Floats) -> Floats:
    """[draw] of f [draw, size]."""
    return area(carried, sizes)


def cmd(carried: Floats, sizes: Floats) -> Floats:
    """[draw] of f [draw, size]: trapezoids of |1 - f|, as MIB adds them up."""
    return area(np.abs(1 - carried), sizes)


def area_between(first: Floats, second: Floats, sizes: Floats) -> Floats:
    """[draw] of two curves [draw, size]: trapezoids of |first - second|."""
    return area(np.abs(first - second), sizes)


@dataclass(frozen=True)
class Confusion:
    """Edges by circuit [size]: in both, in the guess only, in the reference only, in neither."""

    true_positives: Integers
    false_positives: Integers
    false_negatives: Integers
    true_negatives: Integers

    @classmethod
    def of(cls, chosen: Mask, reference: Mask) -> Confusion:
        """`chosen` [size, edge], `reference` [edge]."""
        return cls(
            (chosen & reference).sum(-1),
            (chosen & ~reference).sum(-1),
            (~chosen & reference).sum(-1),
            (~chosen & ~reference).sum(-1),
        )


def auroc(chosen: Mask, reference: Mask) -> float:
    """Of circuits of several sizes, `chosen` [size, edge], against `reference` [edge].

    Each circuit is a point (false positive rate, true positive rate); nothing chosen is (0, 0),
    everything (1, 1), and the points are joined by straight lines. NaN where the reference has
    no edge, or every edge.
    """
    counts = Confusion.of(chosen, reference)
    n_true, n_false = reference.sum(), (~reference).sum()
    if not n_true or not n_false:
        return float("nan")
    true_rate = np.r_[0.0, counts.true_positives / n_true, 1.0]
    false_rate = np.r_[0.0, counts.false_positives / n_false, 1.0]
    order = np.lexsort((true_rate, false_rate))
    return float(np.trapezoid(true_rate[order], false_rate[order]))


def auroc_of_scores(scores: Floats, reference: Mask) -> float:
    """Of scores [edge] against `reference` [edge]: the chance that an edge of the reference has a
    larger score than one that is not in it, ties counted half. NaN as in `auroc`."""
    n_true, n_false = int(reference.sum()), int((~reference).sum())
    if not n_true or not n_false:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[place]
    return float((ranks[reference].sum() - n_true * (n_true + 1) / 2) / (n_true * n_false))

"""Many tests at once: how small a p value must be when some are small by chance alone.

A *family* is the set of rows that are read together: here, those of one hypothesis, unit kind,
metric and direction.
"""

from __future__ import annotations

import numpy as np

from pathpatch_runner.effects.arrays import Floats, Integers


def false_discovery_rate(p_values: Floats) -> Floats:
    """[row] of p [row]: the q values of one family (Benjamini and Hochberg 1995).

    Calling every row with q <= 0.05 a finding makes, on average, at most 5% of the findings
    false. q of the k-th smallest of m p values is the least of p_j * m / j over j >= k; equal p
    values have equal q values. NaN stays NaN and does not count.
    """
    q_values = np.full(p_values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    ranks = np.arange(1, len(order) + 1)
    scaled = p_values[order] * len(order) / ranks
    q_values[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return q_values


def by_family(p_values: Floats, families: Integers) -> Floats:
    """[row]: q values within each family; `families` [row]: which one a row belongs to."""
    q_values = np.full(p_values.shape, np.nan)
    for family in np.unique(families):
        members = families == family
        q_values[members] = false_discovery_rate(p_values[members])
    return q_values

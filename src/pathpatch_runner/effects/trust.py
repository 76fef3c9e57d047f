"""Whether there is anything to explain: shares of a total effect that may be nothing are withheld.

A *share* is a quotient by the total effect (what patching every path does) or by its mean size.
Where the total effect is within rounding of 0, or its interval holds 0, a share is noise divided by
noise: 340% of a total of 0.001 +- 0.02 says nothing. Then every share of that metric and direction
is null in the tables, and the column `withheld` says why; effects, `aue` and `ate` stay.

The proportion explained is withheld too, although `ate` may be far from 0: where clean and corrupt
prompts differ one by one and not on average, the model may do something, but not the behaviour
that the pairs were made to show.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.pair_sums import PairSums
from pathpatch_runner.effects.resampling import Draws

SHARES = (
    "normalised_effect",
    "normalised_ci_low",
    "normalised_ci_high",
    "proportion_explained",
    "pe_ci_low",
    "pe_ci_high",
)
"""Columns of the summary that are quotients of the total effect."""

ACCURACY_KEY = "accuracy"
"""Of the metadata of `summary.parquet`."""

COUNT_ROUNDING = 1e-6
"""A fraction of points times their number is this near a whole number, if it is one."""

ROUNDING = 1e-6
"""Of the size of the plain runs' values: float32 has seven digits, a mean keeps six."""


def why_withheld(clean: float, corrupt: float, low: float | None, high: float | None) -> str:
    """Why shares mean nothing; "" where they mean something.

    `clean`, `corrupt`: means of the metric; `low`, `high`: of the total effect, None or NaN where
    one pair says nothing of its spread.
    """
    if not (math.isfinite(clean) and math.isfinite(corrupt)):
        return "there is no total effect: a plain run has no finite mean"
    total = abs(clean - corrupt)
    if total <= ROUNDING * max(abs(clean), abs(corrupt), math.ulp(1.0)):
        return (
            f"the total effect ({total:.3g}) is within rounding: the model does not tell the clean "
            "prompts from the corrupt ones"
        )
    if low is not None and high is not None and low <= 0 <= high:
        return (
            f"the interval of the total effect [{low:.3g}, {high:.3g}] holds 0: whether the clean "
            "prompts differ from the corrupt ones is not known"
        )
    return ""


def total_intervals(sums: PairSums, draws: Draws) -> Floats:
    """[reading, 2]: the interval of every metric's and direction's total effect."""
    one = np.zeros(len(sums.totals), np.int64)
    return draws.bootstrap.ratio_intervals(sums.totals, sums.sizes[None], one, draws.confidence)


def reasons(sums: PairSums, draws: Draws) -> list[str]:
    """[reading]: `why_withheld`."""
    n_points = sums.sizes.sum()
    clean, corrupt = sums.clean.sum(-1) / n_points, sums.corrupt.sum(-1) / n_points
    return [
        why_withheld(float(a), float(b), float(low), float(high))
        for a, b, (low, high) in zip(clean, corrupt, total_intervals(sums, draws), strict=True)
    ]


@dataclass(frozen=True)
class Reading:
    """What the plain runs say of one metric and direction. `measured_in`: the metric's, "" if the
    table does not say. Bounds are None for a single pair; `withheld`: why there are no shares."""

    metric: str
    measured_in: str
    direction: str
    clean: float | None
    corrupt: float | None
    total_effect: float | None
    low: float | None
    high: float | None
    withheld: str


def readings_of(summary: pa.Table) -> tuple[Reading, ...]:
    """Every metric and direction of a summary, in order of first appearance: does the model do
    the task?"""
    measured_in = json.loads((summary.schema.metadata or {}).get(b"metric_units", "{}"))
    names = (
        *("metric", "direction", "clean_mean", "corrupt_mean"),
        *("total_effect", "total_effect_ci_low", "total_effect_ci_high", "withheld"),
    )
    firsts = _first_rows(summary)
    rows = summary.select(names).take(pa.array(firsts)).to_pylist()
    return tuple(
        Reading(
            metric=row["metric"],
            measured_in=measured_in.get(row["metric"], ""),
            direction=row["direction"],
            clean=row["clean_mean"],
            corrupt=row["corrupt_mean"],
            total_effect=row["total_effect"],
            low=row["total_effect_ci_low"],
            high=row["total_effect_ci_high"],
            withheld=row["withheld"] or "",
        )
        for row in rows
    )


def _first_rows(summary: pa.Table) -> Sequence[int]:
    """The first row of every metric and direction."""
    codes = [
        np.array(summary[name].combine_chunks().cast(pa.string()).dictionary_encode().indices)
        for name in ("metric", "direction")
    ]
    _, firsts = np.unique(np.stack(codes), axis=1, return_index=True)
    return sorted(int(first) for first in firsts)


@dataclass(frozen=True)
class Accuracy:
    """In which fraction of the evaluation points an answer is the most likely token."""

    clean: float
    corrupt: float

    @property
    def sentence(self) -> str:
        """For a reader."""
        return (
            f"An answer is the most likely token in {self.clean:.1%} of the clean and "
            f"{self.corrupt:.1%} of the corrupt evaluation points"
        )


def with_accuracy(schema: pa.Schema, right: Floats | None) -> pa.Schema:
    """The schema with the mean of `right` [2, point] in its metadata, where every point has an
    answer."""
    if right is None or not np.isfinite(right).all():
        return schema
    return saying_accuracy(schema, Accuracy(*right.mean(-1).tolist()))


def saying_accuracy(schema: pa.Schema, accuracy: Accuracy) -> pa.Schema:
    """The schema with it in its metadata."""
    said = json.dumps(vars(accuracy))
    return schema.with_metadata({**schema.metadata, ACCURACY_KEY: said})


def accuracy_of_all(parts: Sequence[tuple[Accuracy, int]]) -> Accuracy:
    """Of several sets of evaluation points together. `parts`: (accuracy, number of points) each.

    A fraction times its points is a count, so that the sum is that of counts: 0.3 of 10 is 3.
    """
    n_points = sum(n for _, n in parts)
    counts = [(_count(each.clean, n), _count(each.corrupt, n)) for each, n in parts]
    return Accuracy(*(sum(column) / n_points for column in zip(*counts, strict=True)))


def _count(fraction: float, n_points: int) -> float:
    """Averages over draws of noise are no whole counts: those are left as they are."""
    count = fraction * n_points
    return float(round(count)) if abs(count - round(count)) < COUNT_ROUNDING else count


def accuracy_of(summary: pa.Table) -> Accuracy | None:
    """What a summary says of its model's accuracy; None where points have no answers."""
    said = (summary.schema.metadata or {}).get(ACCURACY_KEY.encode())
    return None if said is None else Accuracy(**json.loads(said))


def warnings_of(summary: pa.Table) -> tuple[str, ...]:
    """One sentence for each metric and direction whose shares are withheld."""
    return tuple(
        f"{reading.metric}, {reading.direction}: {reading.withheld}. Every share of it is withheld"
        for reading in readings_of(summary)
        if reading.withheld
    )

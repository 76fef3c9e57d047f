"""The rows of a summary as a report reads them: sorted into sections, ranked, named.

A *section* is what stands under one heading: all rows of one metric and direction, which share
their clean and corrupt means. A value that is no number (null, NaN, infinite) is None here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pathpatch_runner.effects import METADATA_KEY

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """Rows of one metric and direction, at least one. `unit`: of the metric's values, "" if
    the table does not say."""

    metric: str
    unit: str
    direction: str
    rows: tuple[Row, ...]

    @property
    def quantity(self) -> str:
        """The metric with its unit: "loss (nats)"."""
        return f"{self.metric} ({self.unit})" if self.unit else self.metric

    @property
    def total(self) -> float | None:
        """Mean effect of patching everything: what 100% of the total is."""
        clean, corrupt = self.rows[0]["clean_mean"], self.rows[0]["corrupt_mean"]
        if clean is None or corrupt is None:
            return None
        return float(corrupt - clean if self.direction == "noising" else clean - corrupt)


@dataclass(frozen=True)
class Settings:
    """What the numbers rest on. `confidence`: of the intervals, None if the table does not say;
    `against`: hypothesis -> the one whose AUE stands in for ATE."""

    confidence: float | None = None
    source: str = "corrupt"
    against: Mapping[str, str] = field(default_factory=dict)

    @property
    def interval(self) -> str:
        """ "95% interval"."""
        return "interval" if self.confidence is None else f"{100 * self.confidence:g}% interval"


def sections_of(summary: pa.Table) -> list[Section]:
    """In order of first appearance."""
    units = json.loads((summary.schema.metadata or {}).get(b"metric_units", "{}"))
    members: dict[tuple[str, str], list[Row]] = {}
    for row in summary.to_pylist():
        known = {name: _number_or_none(value) for name, value in row.items()}
        members.setdefault((row["metric"], row["direction"]), []).append(known)
    return [
        Section(metric, units.get(metric, ""), direction, tuple(rows))
        for (metric, direction), rows in members.items()
    ]


def settings_of(summary: pa.Table) -> Settings:
    """From what the run says of itself in the table's metadata; defaults where it is silent."""
    text = (summary.schema.metadata or {}).get(METADATA_KEY.encode())
    if text is None:
        return Settings()
    config = json.loads(text)["config"]
    against = {name: each["against"] for name, each in config["hypotheses"].items()}
    return Settings(
        config["statistics"]["confidence"],
        config["patch"]["source"],
        {name: other for name, other in against.items() if other is not None},
    )


def most_important(rows: Sequence[Row], most: int) -> list[Row]:
    """All rows as they stand, or of more than `most` the whole hypotheses and then those with
    the largest effects."""
    if len(rows) <= most:
        return list(rows)
    return sorted(rows, key=_rank)[:most]


def label(row: Row) -> str:
    """What a row is of its hypothesis: an entry's id, "hypothesis" for all of it, or the kind of
    union with the ids in it."""
    if row["unit"] == "path":
        return str(row["path_id"])
    return "hypothesis" if row["unit"] == "hypothesis" else f"{row['unit']} {row['path_id']}"


def _rank(row: Row) -> tuple[bool, bool, float]:
    effect = row["effect_mean"]
    return row["unit"] != "hypothesis", effect is None, -abs(effect or 0.0)


def _number_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""The rows of a summary as a report reads them: sorted into sections, ranked, named.

A *section* is what stands under one heading: all rows of one metric and direction, which share
their clean and corrupt means. A value that is no number (null, NaN, infinite) is None here.
Where nothing can be said of shares (`trust`), they are None in every row of the section.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from heapq import nsmallest
from typing import Any

import numpy as np
import pyarrow as pa

from pathpatch_runner.effects import METADATA_KEY
from pathpatch_runner.effects.trust import SHARES, why_withheld

Row = Mapping[str, Any]
SIGNIFICANT = 0.05
"""A row whose q value (p value in tables without one) is below stands out."""


@dataclass(frozen=True)
class Section:
    """Rows of one metric and direction, at least one. `unit`: of the metric's values, "" if
    the table does not say. `withheld`: why there are no shares, "" where there are. `left_out`: how
    many more rows there are."""

    metric: str
    unit: str
    direction: str
    rows: tuple[Row, ...]
    withheld: str = ""
    left_out: int = 0

    @property
    def quantity(self) -> str:
        """The metric with its unit: "loss (nats)"."""
        return f"{self.metric} ({self.unit})" if self.unit else self.metric

    @property
    def name(self) -> str:
        """ "loss, denoising"."""
        return f"{self.metric}, {self.direction}"

    @property
    def total(self) -> float | None:
        """Mean effect of patching everything: what 100% of the total is."""
        clean, corrupt = self.rows[0]["clean_mean"], self.rows[0]["corrupt_mean"]
        if clean is None or corrupt is None:
            return None
        return float(corrupt - clean if self.direction == "noising" else clean - corrupt)

    @property
    def total_interval(self) -> tuple[float | None, float | None]:
        """Of the total effect; (None, None) where the table has none."""
        first = self.rows[0]
        return first.get("total_effect_ci_low"), first.get("total_effect_ci_high")

    def helps(self, effect: float) -> bool:
        """Whether paths with this effect work for the clean behaviour: their effect has the
        sign of the total effect, in either direction of patching."""
        return effect * (self.total or 1.0) >= 0

    @cached_property
    def families(self) -> dict[tuple[str, str], list[Row]]:
        """The bindings of every entry that has variables, by (hypothesis, entry)."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            if self._is_binding(row):
                found.setdefault((row["hypothesis"], entry_of(row)), []).append(row)
        return found

    @cached_property
    def others(self) -> list[Row]:
        """Rows that are no binding: single paths, whole hypotheses and other unions."""
        return [row for row in self.rows if not self._is_binding(row)]

    @cached_property
    def _variables(self) -> list[str]:
        return [name for name in self.rows[0] if _is_variable(name)]

    def _is_binding(self, row: Row) -> bool:
        return row["unit"] == "path" and any(row[name] is not None for name in self._variables)


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
    for row in rows_of(summary):
        members.setdefault((row["metric"], row["direction"]), []).append(row)
    sections = []
    for (metric, direction), rows in members.items():
        withheld = _why_withheld(rows[0])
        if withheld:
            nothing = {name: None for name in SHARES if name in rows[0]}
            rows = [{**row, **nothing} for row in rows]
        sections.append(Section(metric, units.get(metric, ""), direction, tuple(rows), withheld))
    return sections


def leading_sections(summary: pa.Table, most: int) -> list[Section]:
    """As `sections_of`, with the `most_important` rows of each alone. Of 100,000 rows they are
    found in a few hundredths of the time that making all of them takes."""
    names = zip(_plain_column(summary["metric"]), _plain_column(summary["direction"]), strict=True)
    members: dict[tuple[str, str], list[int]] = {}
    for number, name in enumerate(names):
        members.setdefault(name, []).append(number)
    if all(len(rows) <= most for rows in members.values()):
        return sections_of(summary)
    effects = np.array(_plain_column(summary["effect_mean"]), dtype=np.float64)
    whole = np.array(_plain_column(summary["unit"])) == "hypothesis"
    # By `rank`: what is no number comes last.
    places = np.empty(len(effects), dtype=np.int64)
    places[np.lexsort((-np.abs(effects), ~whole))] = np.arange(len(effects))
    shown = [
        number
        for rows in members.values()
        for number in (rows if len(rows) <= most else sorted(rows, key=places.__getitem__)[:most])
    ]
    # In slices: Arrow's `take` of numbers imports pandas.
    sections = sections_of(pa.concat_tables([summary.slice(number, 1) for number in shown]))
    return [
        replace(part, left_out=len(members[part.metric, part.direction]) - len(part.rows))
        for part in sections
    ]


def _why_withheld(row: Row) -> str:
    """As the table says it, or worked out for a table that does not."""
    if row.get("withheld") is not None:
        return str(row["withheld"])
    means = (
        math.nan if row[name] is None else row[name] for name in ("clean_mean", "corrupt_mean")
    )
    clean, corrupt = means
    low, high = row.get("total_effect_ci_low"), row.get("total_effect_ci_high")
    return why_withheld(clean, corrupt, low, high)


def rows_of(table: pa.Table) -> Iterator[Row]:
    """A table's rows; numbers that are none are None. `row`: its number in the table."""
    columns = {name: _plain_column(table[name]) for name in table.column_names}
    columns["row"] = list(range(table.num_rows))
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(names, values, strict=True))


def _plain_column(column: pa.ChunkedArray) -> list[Any]:
    """Array operations where they make a difference: a summary has 40 columns."""
    if pa.types.is_float64(column.type):
        return [value for chunk in column.chunks for value in _finite(chunk)]
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        texts = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
        places = (place for chunk in column.chunks for place in chunk.indices.to_pylist())
        return [None if place is None else texts[place] for place in places]
    return list(column.to_pylist())


def _finite(chunk: pa.Array) -> list[Any]:
    """The numbers of a chunk, None for those that are none. Read from its memory: Arrow's own
    `to_numpy` imports pandas, which takes longer than finding a finished run."""
    if not len(chunk):
        return []
    whole = np.frombuffer(chunk.buffers()[1], dtype=np.float64)
    numbers = whole[chunk.offset : chunk.offset + len(chunk)]
    values: list[Any] = numbers.tolist()
    for place in np.flatnonzero(~np.isfinite(numbers)):
        values[place] = None
    if chunk.null_count:
        valid = chunk.is_valid().to_pylist()
        return [value if there else None for value, there in zip(values, valid, strict=True)]
    return values


def settings_of(summary: pa.Table) -> Settings:
    """From what the run says of itself in the table's metadata; defaults where it is silent."""
    text = (summary.schema.metadata or {}).get(METADATA_KEY.encode())
    if text is None:
        return Settings()
    config = json.loads(text).get("config")
    if config is None:
        return Settings()
    against = {name: each.get("against") for name, each in config["hypotheses"].items()}
    return Settings(
        config["statistics"]["confidence"],
        config["patch"]["source"],
        {name: other for name, other in against.items() if other is not None},
    )


def variables_of(row: Row) -> list[str]:
    """Variables that the row binds, as the table names them without `over.`."""
    names = [name for name, value in row.items() if value is not None and _is_variable(name)]
    return [name.removeprefix("over.") for name in names]


def _is_variable(column: str) -> bool:
    """Whether it is the column of a variable, not that of its layer or head."""
    return column.startswith("over.") and column.count(".") == 1


def entry_of(row: Row) -> str:
    """The entry that a binding belongs to: `head` of `head[s=a0.h1]`."""
    return str(row["path_id"]).split("[")[0]


def chance(row: Row) -> float | None:
    """The q value, or in tables without one the p value."""
    q: float | None = row.get("q_value")
    p: float | None = row["p_value"]
    return p if q is None else q


def is_significant(row: Row) -> bool:
    """Whether its q value is below `SIGNIFICANT`."""
    value = chance(row)
    return value is not None and value < SIGNIFICANT


def most_important(rows: Sequence[Row], most: int) -> list[Row]:
    """All rows as they stand, or of more than `most` the whole hypotheses and then those with
    the largest effects."""
    if len(rows) <= most:
        return list(rows)
    if most < len(rows) // 10:
        return nsmallest(most, rows, key=rank)
    return sorted(rows, key=rank)[:most]


def label(row: Row) -> str:
    """What a row is of its hypothesis: an entry's id, "hypothesis" for all of it, or the kind of
    union with the ids in it."""
    if row["unit"] == "path":
        return str(row["path_id"])
    if row["unit"] == "hypothesis":
        return "hypothesis"
    kind = "coalition" if row["unit"] == "coalitions" else row["unit"]
    return f"{kind} {row['path_id']}"


def full_name(row: Row) -> str:
    """The row among all rows of a run: "h", "h / entry", "h / cumulative a+b"."""
    if row["unit"] == "hypothesis":
        return str(row["hypothesis"])
    return f"{row['hypothesis']} / {label(row)}"


def rank(row: Row) -> tuple[bool, bool, float]:
    """Whole hypotheses first, then the largest effects."""
    effect = row["effect_mean"]
    return row["unit"] != "hypothesis", effect is None, -abs(effect or 0.0)

"""Areas under the curves of a run (`curves.parquet`), as lines for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from pathpatch_runner.report.rows import Row, Section, rows_of
from pathpatch_runner.report.text import MISSING, interval, number

AREAS = {"cpr": "CPR", "cmd": "CMD"}
MOST_LINES = 12


def area_lines(curves: pa.Table | None, part: Section) -> list[str]:
    """One for each curve of the section's metric and direction, then one for each two of them:
    "`h / eap`: CPR 0.91 [0.88, 0.94], CMD 0.12 [0.09, 0.15]"."""
    if curves is None:
        return []
    rows = [
        row
        for row in rows_of(curves)
        if (row.get("metric"), row.get("direction", part.direction))
        == (part.metric, part.direction)
    ]
    lines = [*_alone(rows), *_compared(rows)]
    left = len(lines) - MOST_LINES
    return lines[:MOST_LINES] + ([f"and {left} more in curves.parquet"] if left > 0 else [])


def _alone(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        parts = [f"{title} {_said(row, name)}" for name, title in AREAS.items() if _has(row, name)]
        if _has(row, "auroc"):
            parts.append(f"AUROC {number(row['auroc'])}")
        if parts:
            yield f"`{_name(row)}`: {', '.join(parts)}"


def _compared(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if _has(row, "cpr_difference"):
            other = str(row["other"]).replace("/", " / ", 1)
            yield (
                f"`{_name(row)}` - `{other}`: CPR {_said(row, 'cpr_difference')}, "
                f"area between {_said(row, 'area_between')}"
            )


def _name(row: Row) -> str:
    return " / ".join(str(row[key]) for key in ("hypothesis", "entry") if row.get(key))


def _has(row: Row, name: str) -> bool:
    return row.get(name) is not None


def _said(row: Row, name: str) -> str:
    bounds = interval(row.get(f"{name}_ci_low"), row.get(f"{name}_ci_high"))
    return number(row.get(name)) + ("" if bounds == MISSING else f" {bounds}")

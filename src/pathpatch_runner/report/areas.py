"""Curves over sizes (`curves.parquet`): their areas as lines for the terminal, and in one sentence
how large a circuit must be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from pathpatch_runner.report.rows import Row, Section, rows_of
from pathpatch_runner.report.text import MISSING, interval, number

AREAS = {"cpr": "CPR", "cmd": "CMD"}
MOST_LINES = 12
MOST_NAMED = 6
MOST_OF_IT = 0.8
"""Share of the total effect that counts as most of it."""


def curve_rows(curves: pa.Table | None, part: Section) -> list[Row]:
    """Those of the section's metric and direction; none without a table."""
    return [
        row
        for row in ([] if curves is None else rows_of(curves))
        if (row.get("metric"), row.get("direction", part.direction))
        == (part.metric, part.direction)
    ]


def area_lines(curves: pa.Table | None, part: Section) -> list[str]:
    """One for each curve of the section's metric and direction, then one for each two of them:
    "`h / eap`: CPR 0.91 [0.88, 0.94], CMD 0.12 [0.09, 0.15]"."""
    rows = curve_rows(curves, part)
    lines = [*_alone(rows), *_compared(rows)]
    left = len(lines) - MOST_LINES
    return lines[:MOST_LINES] + ([f"and {left} more in curves.parquet"] if left > 0 else [])


def size_needed(row: Row) -> tuple[float, int] | None:
    """(share of all edges, edges) of the smallest circuit that carries `MOST_OF_IT`; None where
    none does."""
    for size, edges, carried in zip(row["sizes"], row["n_edges"], row["carried"], strict=True):
        if carried is not None and carried >= MOST_OF_IT:
            return float(size), int(edges)
    return None


def needed_sentence(curves: pa.Table | None, part: Section) -> str:
    """How large a circuit of each family must be, the smallest first; "" where nothing says it."""
    rows = [row for row in curve_rows(curves, part) if row.get("carried") and not row.get("other")]
    by_size: dict[float, list[tuple[str, int]]] = {}
    never = []
    for row in rows:
        needed = size_needed(row)
        if needed is None:
            never.append(f"`{area_name(row)}`")
        else:
            by_size.setdefault(needed[0], []).append((f"`{area_name(row)}`", needed[1]))
    parts = [f"{_size(size, by_size[size])}" for size in sorted(by_size)]
    if not parts:
        return ""
    parts += [f"by {' or '.join(never[:MOST_NAMED])} no size is enough"] if never else []
    return f"{MOST_OF_IT:.0%} of the total effect takes {'; '.join(parts)}."


def _size(share: float, families: Sequence[tuple[str, int]]) -> str:
    """ "1% of the edges (1,103) by `h / eap` or `h / ig`"."""
    counts = sorted({edges for _, edges in families})
    edges = " to ".join(f"{each:,}" for each in dict.fromkeys((counts[0], counts[-1])))
    names = [name for name, _ in families[:MOST_NAMED]]
    left = len(families) - len(names)
    names += [f"{left} others"] if left else []
    of_all = "all edges" if share == 1 else f"{100 * share:g}% of the edges"
    return f"{of_all} ({edges}) by {' or '.join(names)}"


def _alone(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        parts = [
            f"{title} {area_text(row, name)}"
            for name, title in AREAS.items()
            if has_area(row, name)
        ]
        if has_area(row, "auroc"):
            parts.append(f"AUROC {number(row['auroc'])}")
        if parts:
            yield f"`{area_name(row)}`: {', '.join(parts)}"


def _compared(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if has_area(row, "cpr_difference"):
            other = str(row["other"]).replace("/", " / ", 1)
            yield (
                f"`{area_name(row)}` - `{other}`: CPR {area_text(row, 'cpr_difference')}, "
                f"area between {area_text(row, 'area_between')}"
            )


def area_name(row: Row) -> str:
    """ "h / entry"."""
    return " / ".join(str(row[key]) for key in ("hypothesis", "entry") if row.get(key))


def has_area(row: Row, name: str) -> bool:
    """Whether the row has that value."""
    return row.get(name) is not None


def area_text(row: Row, name: str) -> str:
    """A value of the row with its interval."""
    bounds = interval(row.get(f"{name}_ci_low"), row.get(f"{name}_ci_high"))
    return number(row.get(name)) + ("" if bounds == MISSING else f" {bounds}")

"""A claim's rows: equality on columns of a run's tables.

Words: a *row* is a mapping of column to value, as Parquet holds it. A claim about one value
needs one row; one about an order needs one for each name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pathpatch_runner.effects.curves_table import VALUE_COLUMNS as CURVE_COLUMNS
from pathpatch_runner.effects.schema import VALUE_COLUMNS
from pathpatch_runner.errors import PublishedError, did_you_mean

POINT_VALUES = frozenset(column.name for column in VALUE_COLUMNS)
"""Columns that effects.parquet has."""

OF_CURVES = frozenset(column.name for column in CURVE_COLUMNS) - {"n_edges"}
"""Columns that curves.parquet has; a claim about any other reads summary.parquet."""

EDGE = frozenset({"sender", "receiver", "slot"})

NAMING = ("hypothesis", "unit", "path_id", "metric", "direction", "pair_id", "position")
MOST_SHOWN = 5

Row = Mapping[str, Any]


def table_name(column: str, table: str = "") -> str:
    """The file in which a claim's column lies. `table`: as the claim names it, "" if not."""
    if table:
        return f"{table}.parquet"
    if column in OF_CURVES:
        return "curves.parquet"
    return "effects.parquet" if column in POINT_VALUES else "summary.parquet"


def rows_of(table: pa.Table) -> list[Row]:
    """A table's rows. One that names edges by their ends has the column `edge` too, as expressions
    write it: `a0.h3->a1.h9<k>`."""
    rows: list[Row] = table.to_pylist()
    if not set(table.column_names) >= EDGE:
        return rows
    return [{**row, "edge": _edge(row)} for row in rows]


def _edge(row: Row) -> str:
    slot = f"<{row['slot']}>" if row["slot"] else ""
    return f"{row['sender']}->{row['receiver']}{slot}"


def select(rows: Sequence[Row], where: Mapping[str, Any], column: str) -> list[Row]:
    """All rows with these values; `column` must be one of the table's too.

    Raises PublishedError for a column that the table lacks.
    """
    columns = list(rows[0]) if rows else []
    for name in (*where, column):
        if name not in columns:
            raise PublishedError(
                f'the table has no column "{name}".{did_you_mean(name, columns)} It has: '
                f"{', '.join(columns) or 'no rows'}"
            )
    return [row for row in rows if all(same(row[name], value) for name, value in where.items())]


def one(rows: Sequence[Row], where: Mapping[str, Any], column: str) -> float:
    """The value in the only row that matches. Raises PublishedError for none or several."""
    found = select(rows, where, column)
    if len(found) == 1:
        return number(found[0], column)
    if not found:
        raise PublishedError(f"no row has {spelled(where)}. {_nearest(rows, where)}")
    listed = "; ".join(described(row) for row in found[:MOST_SHOWN])
    more = f"; and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    raise PublishedError(
        f"{len(found)} rows have {spelled(where)}, and the claim is about one: {listed}{more}. "
        'Say more in "where"'
    )


def number(row: Row, column: str) -> float:
    """The cell as a number. Raises PublishedError where it holds none."""
    value = row[column]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PublishedError(
            f'column "{column}" holds {value!r}, not a number, at {described(row)}'
        )
    return float(value)


def same(cell: Any, value: Any) -> bool:
    """Whether a cell is what a claim says: numbers by value, all else as text; null is null."""
    if value is None:
        return cell is None
    if isinstance(cell, int | float) and isinstance(value, int | float):
        return cell == value
    return cell is not None and str(cell) == str(value)


def spelled(where: Mapping[str, Any]) -> str:
    """`hypothesis=refined, unit=hypothesis`."""
    return ", ".join(f"{name}={value}" for name, value in where.items()) or "anything"


def described(row: Row) -> str:
    """What names a row, in short."""
    return spelled({name: row[name] for name in NAMING if row.get(name) is not None})


def _nearest(rows: Sequence[Row], where: Mapping[str, Any]) -> str:
    """The first condition that no row meets, and what there is in its place."""
    left = list(rows)
    for name, value in where.items():
        kept = [row for row in left if same(row[name], value)]
        if not kept:
            there = list(dict.fromkeys(str(row[name]) for row in left))
            shown = ", ".join(there[:MOST_SHOWN])
            more = f" and {len(there) - MOST_SHOWN} more" if len(there) > MOST_SHOWN else ""
            return f'Column "{name}" has {shown}{more} there.{did_you_mean(str(value), there)}'
        left = kept
    return ""

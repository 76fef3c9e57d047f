"""A run in the terminal: its summary as a table, the plan of a dry run.

Of a family only the rows with the largest effects are shown. Columns that say nothing (all
empty, or one value) are left out or moved to the title, so that the table fits 80 columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.markup import escape
from rich.table import Table

MOST_ROWS = 20
PIPED_WIDTH = 100
Row = Mapping[str, Any]


def print_plan(text: str, console: Console | None = None) -> None:
    """The plan of a dry run."""
    (console or _console()).print(text, markup=False, highlight=False, soft_wrap=True)


def print_summary(summary: pa.Table, directory: Path, console: Console | None = None) -> None:
    """The summary table, most important rows only, and where everything lies."""
    console = console or _console()
    rows: list[Row] = summary.to_pylist()
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["metric"], row["direction"]), []).append(row)
    for (metric, direction), members in groups.items():
        _print_group(console, metric, direction, members)
    console.print(f"[dim]report[/dim]  {escape(str(directory / 'report.html'))}", soft_wrap=True)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PIPED_WIDTH)


def _print_group(console: Console, metric: str, direction: str, rows: Sequence[Row]) -> None:
    baseline = rows[0]
    console.print(
        f"\n[bold]{escape(metric)}[/bold], {direction}: clean {number(baseline['clean_mean'])}, "
        f"corrupt {number(baseline['corrupt_mean'])}, {baseline['n']} evaluation points"
    )
    shown = list(rows)
    if len(rows) > MOST_ROWS:
        shown = sorted(rows, key=lambda row: -abs(row["effect_mean"] or 0.0))[:MOST_ROWS]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("hypothesis", overflow="fold")
    table.add_column("path", overflow="ellipsis", no_wrap=True, ratio=1)
    for title in ("effect", "", "of total", "explained", "p"):
        table.add_column(title, justify="left" if title == "" else "right", no_wrap=True)
    for row in shown:
        table.add_row(*_cells(row))
    console.print(table)
    if len(rows) > len(shown):
        console.print(f"[dim]and {len(rows) - len(shown):,} more in summary.parquet[/dim]")


def _cells(row: Row) -> tuple[str, ...]:
    half = None
    if row["effect_ci_low"] is not None:
        half = (row["effect_ci_high"] - row["effect_ci_low"]) / 2
    return (
        escape(row["hypothesis"]),
        escape(row["path_id"] if row["unit"] == "path" else row["unit"]),
        number(row["effect_mean"]),
        "" if half is None else f"± {number(half).removeprefix('+')}",
        percent(row["normalised_effect"]),
        percent(row["proportion_explained"]),
        probability(row["p_value"]),
    )


def number(value: float | None) -> str:
    """Four significant digits or three decimals."""
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"


def percent(value: float | None) -> str:
    """A share as a percentage."""
    return "-" if value is None else f"{100 * value:.1f}%"


def probability(value: float | None) -> str:
    """A p value."""
    if value is None:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"

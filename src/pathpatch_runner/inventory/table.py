"""Rows of text in the terminal: columns as wide as they need, what came from data made visible."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from pathpatch_runner.report.console import terminal
from pathpatch_runner.report.text import visible


def print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    """`right`: titles of the columns of numbers. Nothing is left out: long texts are folded."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(
            Text(visible(title)), justify="right" if title in right else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(visible(text)) for text in row))
    terminal().print(table)


def size(count: int) -> str:
    """Bytes as one says them: "312 B", "1.4 MB"."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def moment(time: str) -> str:
    """An ISO 8601 time to the minute."""
    return time[:16].replace("T", " ")

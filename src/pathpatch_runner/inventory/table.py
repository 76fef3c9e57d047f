"""Rows of text in the terminal: columns as wide as they need, what came from data made visible."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pathpatch_runner.report.text import visible

PIPED_WIDTH = 2000
"""Of what is no terminal: a row is a line there, for programs that read lines."""


def print_rows(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[str],
    whole: Sequence[str] = (),
) -> None:
    """`right`: titles of the columns of numbers; `whole`: of those that are never folded. Other
    long texts are folded in a terminal, and none is cut."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(
            Text(visible(title)),
            justify="right" if title in right else "left",
            overflow="fold",
            no_wrap=title in whole,
        )
    for row in rows:
        table.add_row(*(Text(visible(text)) for text in row))
    console = Console()
    (console if console.is_terminal else Console(width=PIPED_WIDTH)).print(table)


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

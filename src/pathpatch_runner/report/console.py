"""A run in the terminal: its summary as a table, the plan of a dry run.

Tables fit 80 columns and wider terminals: numbers are always whole, names are shortened in the
middle. Of many rows only the whole hypotheses and those with the largest effects are shown, and
it is said how many are not. Columns without any value are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pathpatch_runner.report.rows import (
    Row,
    Section,
    Settings,
    label,
    most_important,
    sections_of,
    settings_of,
)
from pathpatch_runner.report.text import MISSING, number, percent, points, probability, shorten

MOST_ROWS = 20
PIPED_WIDTH = 80
GAP = 2
LEAST_NAMES = 24
"""Characters left for both names together where the terminal is very narrow."""
NO_ROWS = "nothing was evaluated: the summary has no rows"
TITLES = ("hypothesis", "path", "effect", "", "of total", "explained", "p")


def print_plan(text: str, console: Console | None = None) -> None:
    """The plan of a dry run."""
    _print_plain(console or terminal(), text)


def print_summary(summary: pa.Table, directory: Path, console: Console | None = None) -> None:
    """The summary table, most important rows only, and where everything lies."""
    console = console or terminal()
    settings = settings_of(summary)
    sections = sections_of(summary)
    for section in sections:
        _print_section(console, section)
    console.print(Text(_legend(settings) if sections else NO_ROWS, style="dim"))
    _print_plain(console, f"report  {directory / 'report.html'}")


def _print_plain(console: Console, text: str) -> None:
    """As it is: programs read the line of the report, and a plan is full of brackets."""
    console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


def terminal() -> Console:
    """What is printed on: as wide as a terminal is, of bounded width elsewhere."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPED_WIDTH)


def _legend(settings: Settings) -> str:
    explained = "1 - aue / ate"
    if settings.against:
        explained += ", or the aue of `against`"
    return f"±: half the {settings.interval}; of total: effect / total; explained: {explained}"


def _print_section(console: Console, section: Section) -> None:
    first = section.rows[0]
    heading = Text.assemble(
        "\n",
        (section.metric, "bold"),
        f", {section.direction}: clean {number(first['clean_mean'])}, "
        f"corrupt {number(first['corrupt_mean'])}, {points(first['n'])}",
    )
    console.print(heading)
    shown = most_important(section.rows, MOST_ROWS)
    console.print(_table([_cells(row) for row in shown], console.width))
    if len(section.rows) > len(shown):
        left = len(section.rows) - len(shown)
        console.print(Text(f"and {left:,} more in summary.parquet", style="dim"))


def _table(rows: Sequence[Sequence[str]], width: int) -> Table:
    said = [not set(cells) <= {"", MISSING} for cells in zip(*rows, strict=True)]
    widest = [
        max(len(text) for text in (title, *cells)) if kept else -GAP
        for title, kept, *cells in zip(TITLES, said, *rows, strict=True)
    ]
    names = _name_widths(widest[0], widest[1], width - sum(widest[2:]) - GAP * (len(TITLES) - 1))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, kept in zip(TITLES, said, strict=True):
        if kept:
            left = title in ("hypothesis", "path", "")
            table.add_column(title, justify="left" if left else "right", no_wrap=True)
    for row in rows:
        short = [shorten(text, most) for text, most in zip(row, names, strict=False)]
        cells = [*short, *row[len(names) :]]
        table.add_row(*(Text(text) for text, kept in zip(cells, said, strict=True) if kept))
    return table


def _name_widths(hypothesis: int, path: int, room: int) -> tuple[int, int]:
    """What the two columns of names may take: a third at least for the hypothesis, if it needs
    that much, the rest for the path."""
    room = max(room, LEAST_NAMES)
    first = min(hypothesis, max(room // 3, room - path))
    return first, room - first


def _cells(row: Row) -> tuple[str, ...]:
    low, high = row["effect_ci_low"], row["effect_ci_high"]
    return (
        row["hypothesis"],
        label(row),
        number(row["effect_mean"]),
        "" if low is None or high is None else f"± {number((high - low) / 2)}",
        percent(row["normalised_effect"]),
        percent(row["proportion_explained"]),
        probability(row["p_value"]),
    )

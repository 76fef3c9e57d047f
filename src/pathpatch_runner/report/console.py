"""A run in the terminal: its summary as a table, the plan of a dry run.

Tables fit 80 columns and wider terminals: numbers are always whole, names are shortened in the
middle. Of many rows only the whole hypotheses and those with the largest effects are shown, and
it is said how many are not. Columns without any value are left out.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pathpatch_runner.report.areas import area_lines
from pathpatch_runner.report.rows import (
    Row,
    Section,
    Settings,
    full_name,
    label,
    leading_sections,
    settings_of,
)
from pathpatch_runner.report.text import (
    MISSING,
    number,
    percent,
    points,
    probability,
    shorten,
    visible,
)
from pathpatch_runner.store import RunDirectory

MOST_ROWS = 20
PIPED_WIDTH = 80
LOG_WIDTH = 160
GAP = 2
LEAST_NAMES = 20
"""Characters left for both names together where the terminal is very narrow."""
NO_ROWS = "nothing was evaluated: the summary has no rows"
TITLES = ("hypothesis", "path", "effect", "", "of total", "explained", "p", "q")


class Outcome(Protocol):
    """What a job says of itself: a `runner.RunOutcome`."""

    @property
    def summary(self) -> pa.Table | None:
        """The summary table; None for a dry run."""

    @property
    def reused(self) -> bool:
        """Whether it was there already."""


def print_plan(text: str, console: Console | None = None) -> None:
    """The plan of a dry run."""
    _print_plain(console or terminal(), text)


def print_summary(summary: pa.Table, directory: Path, console: Console | None = None) -> None:
    """The summary table, most important rows only; areas under curves; where everything lies."""
    console = console or terminal()
    settings = settings_of(summary)
    sections = leading_sections(summary, MOST_ROWS)
    curves = None
    if (directory / "curves.parquet").is_file():
        curves = RunDirectory(directory).read_table("curves.parquet")
    for section in sections:
        _print_section(console, section)
        for line in area_lines(curves, section):
            console.print(Text(visible(line.replace("`", ""))))
    console.print(Text(_legend(settings) if sections else NO_ROWS, style="dim"))
    _print_plain(console, f"report  {directory / 'report.html'}")


def _print_plain(console: Console, text: str) -> None:
    """As it is: programs read the line of the report, and a plan is full of brackets."""
    console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


def terminal() -> Console:
    """What is printed on: as wide as a terminal is; elsewhere as COLUMNS says, or of bounded
    width."""
    console = Console()
    if console.is_terminal or os.environ.get("COLUMNS", "").isdecimal():
        return console
    return Console(width=PIPED_WIDTH)


def _legend(settings: Settings) -> str:
    explained = "1 - aue / ate"
    if settings.against:
        explained += ", or the aue of `against`"
    return f"±: half the {settings.interval}; of total: effect / total; explained: {explained}"


def _print_section(console: Console, section: Section) -> None:
    first = section.rows[0]
    heading = Text.assemble(
        "\n",
        (visible(section.metric), "bold"),
        f", {section.direction}: clean {number(first['clean_mean'])}, "
        f"corrupt {number(first['corrupt_mean'])}, {points(first['n'])}",
    )
    console.print(heading)
    if section.withheld:
        said = f"warning: {section.withheld}. Every share is withheld"
        console.print(Text(said, style="bold red"))
    console.print(_table([_cells(row) for row in section.rows], console.width))
    if section.left_out:
        console.print(Text(f"and {section.left_out:,} more in summary.parquet", style="dim"))


def _table(rows: Sequence[Sequence[str]], width: int) -> Table:
    said = [not set(cells) <= {"", MISSING} for cells in zip(*rows, strict=True)]
    widest = [
        max(cell_len(text) for text in (title, *cells)) if kept else -GAP
        for title, kept, *cells in zip(TITLES, said, *rows, strict=True)
    ]
    names = _name_widths(widest[0], widest[1], width - sum(widest[2:]) - GAP * (len(TITLES) - 1))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, (title, kept) in enumerate(zip(TITLES, said, strict=True)):
        if kept:
            left = title in ("hypothesis", "path", "")
            if place < len(names):
                title = shorten(title, names[place])
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
        visible(row["hypothesis"]),
        visible(label(row)),
        number(row["effect_mean"]),
        "" if low is None or high is None else f"± {number((high - low) / 2)}",
        percent(row["normalised_effect"]),
        percent(row["proportion_explained"]),
        probability(row["p_value"]),
        probability(row.get("q_value")),
    )


def summary_text(summary: pa.Table, width: int = LOG_WIDTH) -> str:
    """The whole table as text, for a log: every row that the terminal shows, names in full."""
    out = io.StringIO()
    console = Console(file=out, width=width, no_color=True)
    for section in leading_sections(summary, MOST_ROWS):
        _print_section(console, section)
    return out.getvalue().strip("\n")


def print_job(number: int, overrides: str, outcome: Outcome) -> None:
    """One job of a sweep in a line: its number, what it was told, the largest of what it found."""
    console = terminal()
    assert outcome.summary is not None
    state = "was there" if outcome.reused else "done"
    line = f"{number:>3}  {state}  {visible(overrides)}  {visible(largest(outcome.summary))}"
    console.print(Text(shorten(line, console.width)), no_wrap=True)


def print_jobs(rows: Sequence[tuple[str, str, str]], where: str) -> None:
    """The closing table of a sweep. `rows`: (what a job was told, its state, what it found)."""
    console = terminal()
    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = [tuple(map(visible, row)) for row in rows]
    words = [word for job, *_ in shown for word in job.split()]
    # What a job was told is what sets it apart: only what it found is cut.
    least = min(max(map(cell_len, words), default=0), console.width // 2)
    table.add_column("job", overflow="fold", min_width=least)
    table.add_column("state", no_wrap=True)
    table.add_column("largest", overflow="ellipsis", no_wrap=True)
    for row in shown:
        table.add_row(*map(Text, row))
    console.print()
    console.print(table)
    _print_plain(console, f"report of all: python -m pathpatch_runner.report {where}")


def largest(summary: pa.Table) -> str:
    """The whole hypothesis, or else the row, with the largest effect: its name and numbers."""
    sections = leading_sections(summary, 1)
    if not sections:
        return NO_ROWS
    row = sections[0].rows[0]
    share = percent(row["normalised_effect"])
    said = f"{full_name(row)} {number(row['effect_mean'])}"
    return said if share == MISSING else f"{said}, {share} of total"

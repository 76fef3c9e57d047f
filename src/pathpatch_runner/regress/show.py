"""Verdicts and golden differences in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pathpatch_runner.regress.golden import Difference
from pathpatch_runner.regress.session import tally
from pathpatch_runner.regress.verdict import Mark, Verdict

PIPED_WIDTH = 120
MOST_DIFFERENCES = 40
STYLE = {Mark.passed: "green", Mark.failed: "bold red", Mark.unavailable: "yellow"}


def console() -> Console:
    """The terminal, or a width that fits logs."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(width=PIPED_WIDTH, highlight=False)


def print_verdicts(verdicts: Sequence[Verdict], to: Console) -> None:
    """One table, then the reasons, each once, then the count of each verdict."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("experiment", no_wrap=True)
    table.add_column("claim", overflow="fold")
    table.add_column("expected", overflow="fold", ratio=1)
    table.add_column("found", overflow="fold", ratio=1)
    table.add_column("off by", justify="right", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for verdict in verdicts:
        cells = (verdict.group, verdict.name, verdict.expected, verdict.found, verdict.off_by)
        shown = f"[{STYLE[verdict.mark]}]{verdict.mark.value}[/]"
        table.add_row(*(escape(cell) for cell in cells), shown)
    to.print(table)
    for mark, text in dict.fromkeys((v.mark, v.reason) for v in verdicts if v.reason):
        names = [f"{v.group}/{v.name}" for v in verdicts if (v.mark, v.reason) == (mark, text)]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        head = f"\n[{STYLE[mark]}]{mark.value}[/] {escape(names[0] + more)}: "
        to.print(head + escape(text), soft_wrap=True)
    if any(verdict.name.endswith("*") for verdict in verdicts):
        to.print("\n* the number is known from secondary sources only")
    counts = tally(verdicts)
    to.print("\n" + ", ".join(f"{counts[mark]} {mark.value}" for mark in Mark))


def print_differences(name: str, to: Console, changed: Sequence[Difference]) -> None:
    """What accepting changes in an experiment's golden table."""
    if not changed:
        to.print(f"{escape(name)}: nothing differs beyond tolerance")
    for difference in changed[:MOST_DIFFERENCES]:
        to.print(escape(f"{name}: {difference}"), soft_wrap=True)
    if len(changed) > MOST_DIFFERENCES:
        to.print(f"{escape(name)}: and {len(changed) - MOST_DIFFERENCES} more")

"""A run in the terminal while it runs: the stage it is in, and a bar over its evaluations (units
times pairs times directions times noise draws). Shown on a terminal only, on standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class TerminalWatch:
    """A `runner.watch.Watch`. `enabled`: as `runtime.progress` says."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled

    def stage(self, name: str) -> None:
        """A stage begins."""

    @contextmanager
    def evaluations(self, total: int) -> Iterator[Callable[[int], None]]:
        """While the units are evaluated."""
        with evaluations_bar(total, self._enabled) as advance:
            yield advance


@contextmanager
def evaluations_bar(total: int, enabled: bool) -> Iterator[Callable[[int], None]]:
    """A function that advances the bar by so many evaluations. Shown on a terminal only."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    shown = enabled and console.is_terminal
    with Progress(*columns, console=console, disable=not shown, transient=True) as progress:
        task = progress.add_task("evaluations", total=total)

        def advance(count: int) -> None:
            progress.advance(task, count)

        yield advance

"""A progress bar over evaluations: units times pairs times directions times noise draws."""

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

"""A run in the terminal while it runs: each stage as it happens, with the time it took, and a bar
over its evaluations (units times pairs times directions times noise draws) with their rate and
what remains at the rate so far. On standard error, on a terminal only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.status import Status
from rich.text import Text

from pathpatch_runner.report.text import duration


class TerminalWatch:
    """A `runner.watch.Watch`. `enabled`: as `runtime.progress` says. Used with `with`, so that the
    last stage ends with the run."""

    def __init__(self, *, enabled: bool) -> None:
        self._console = Console(stderr=True)
        self._shown = enabled and self._console.is_terminal
        self._enabled = enabled
        self._status: Status | None = None
        self._name = ""
        self._began = 0.0

    def __enter__(self) -> TerminalWatch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def stage(self, name: str) -> None:
        """A stage begins, and the one before has ended."""
        self._end()
        self._name, self._began = name, time.perf_counter()
        if self._shown:
            self._status = Status(Text(name), console=self._console)
            self._status.start()

    @contextmanager
    def evaluations(self, total: int) -> Iterator[Callable[[int], None]]:
        """While the units are evaluated: the bar takes the place of the stage's name."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        with evaluations_bar(total, self._enabled) as advance:
            yield advance

    def _end(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
        if self._name and self._shown:
            took = duration(time.perf_counter() - self._began)
            self._console.print(Text(f"{self._name}  {took}", style="dim"))
        self._name = ""


class Rate(ProgressColumn):
    """Evaluations a second and the time that remains, both by everything done so far: the
    latest chunk alone says little of the next."""

    def render(self, task: Task) -> Text:
        """ "1,234/s, 2 min 5 s left"; nothing before the first evaluation."""
        return Text(rate_text(task.completed, task.total or 0.0, task.elapsed or 0.0))


def rate_text(done: float, total: float, seconds: float) -> str:
    """ "1,234/s, 2 min 5 s left"."""
    if not done or not seconds:
        return ""
    rate = done / seconds
    shown = f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s"
    return shown if done >= total else f"{shown}, {duration((total - done) / rate)} left"


@contextmanager
def evaluations_bar(total: int, enabled: bool) -> Iterator[Callable[[int], None]]:
    """A function that advances the bar by so many evaluations. Shown on a terminal only."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        Rate(),
    )
    shown = enabled and console.is_terminal
    with Progress(
        *columns, console=console, disable=not shown, transient=True, expand=True
    ) as progress:
        task = progress.add_task("evaluations", total=total)

        def advance(count: int) -> None:
            progress.advance(task, count)

        yield advance

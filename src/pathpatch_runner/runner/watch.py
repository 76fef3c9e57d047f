"""Who watches a run: told which stage begins and how far the evaluations are.

The library runs unwatched: it prints nothing. The command line watches with
`report.progress.TerminalWatch`. A watch sees a run and changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]
"""Told how many more evaluations are done."""


class Watch(Protocol):
    """What a run tells its watch."""

    def stage(self, name: str) -> None:
        """A stage begins; its name is for readers ("loading weights")."""

    def evaluations(self, total: int) -> AbstractContextManager[Advance]:
        """While the units are evaluated. `total`: units x pairs x directions x noise draws."""


class Unwatched:
    """Says nothing."""

    def stage(self, name: str) -> None:
        """A stage begins."""

    @contextmanager
    def evaluations(self, total: int) -> Iterator[Advance]:
        """While the units are evaluated."""
        del total
        yield lambda _: None

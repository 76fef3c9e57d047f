"""The stages of a run: told to its watch, and timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pathpatch_runner.runner.watch import Watch


class Stages:
    """`seconds` by the name that the manifest has; a stage entered twice adds up."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, shown: str, name: str) -> Iterator[None]:
        """A stage begins. `shown`: to the watch; `name`: in the timings."""
        self.watch.stage(shown)
        began = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - began)

    def add(self, name: str, seconds: float) -> None:
        """Put seconds down to a stage, or (negative) take them from it."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

"""What a search has evaluated so far, kept in the run's folder until the run is complete.

A search is a function of its config, its seed and the effects it asks for, in an order that these
determine. So all that must be kept to take it up again are those effects: one file a chunk, named
by its number and by what was asked for. The next attempt asks the same and reads them back.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pathpatch_runner.expression.ast import PathSet, Route, Steps
from pathpatch_runner.store import atomic

FOLDER = "search"


class Journal:
    """`run`: the run's folder; None where the run is kept in memory, and so is nothing else."""

    def __init__(self, run: Path | None, *, afresh: bool = False) -> None:
        self._folder = None if run is None else run / FOLDER
        self._count = 0
        self._texts: dict[int, tuple[Steps, str]] = {}
        if afresh:
            self.forget()

    def recall(self, path_sets: Sequence[PathSet], compute: Callable[[], np.ndarray]) -> np.ndarray:
        """The values of the next chunk: read, where it was kept, else computed and kept."""
        number, self._count = self._count, self._count + 1
        if self._folder is None:
            return compute()
        file = self._folder / f"{number:05d}-{self._digest(path_sets)}.npy"
        known = _read(file)
        if known is not None:
            return known
        found = compute()
        with atomic.explained(file):
            self._folder.mkdir(parents=True, exist_ok=True)
        with atomic.replaced(file) as temporary, temporary.open("wb") as stream:
            np.save(stream, found, allow_pickle=False)
        return found

    def forget(self) -> None:
        """Nothing is needed any more."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _digest(self, path_sets: Sequence[PathSet]) -> str:
        digest = hashlib.sha256()
        for paths in path_sets:
            for route in paths:
                assert isinstance(route, Route)
                links = ["" if link is None else self._text(link) for link in route.links]
                sets = [self._text(steps) for steps in route.sets]
                digest.update("|".join([*sets, *links, ""]).encode())
            digest.update(b"\n")
        return digest.hexdigest()[:16]

    def _text(self, steps: Steps) -> str:
        known = self._texts.get(id(steps))
        if known is None:
            # The steps are kept with their text: an id is theirs only as long as they are.
            patterns = [
                (sorted(p.nodes), sorted(p.slots or ()), str(p.write), str(p.read), p.back)
                for p in steps.patterns
            ]
            known = self._texts[id(steps)] = (steps, repr((patterns, steps.negated)))
        return known[1]


def _read(file: Path) -> np.ndarray | None:
    try:
        values: np.ndarray = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return values

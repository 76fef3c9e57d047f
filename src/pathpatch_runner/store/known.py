"""Values of path sets that are known already: nothing is computed twice, and little is lost.

    <output_root>/.known/<key>/about.json           what the values depend on, besides path sets
    <output_root>/.known/<key>/<run>-<digest>.part  values of some path sets (`part`)

The key is a hash of what `about.json` says: model, number format, pairs, source, seed, executor,
device, versions and code. A run writes a part as each chunk of its units is done. Whoever asks for
the same path sets of the same key takes them from there: the same run, after it was killed (at most
one chunk is lost), or another one that has some paths in common with it. A run that is complete
joins its parts into few. Files of the folder are never changed, only added, and renamed over: any
number of processes may use it at once. Deleting it is always safe.

Values taken are those that were computed, bit for bit. They are what computing them again would
give up to the last bits of the number format, which depend on how many path sets share a product
of matrices.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pathpatch_runner.errors import StoreError
from pathpatch_runner.execute.units import Portion, Recalled
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.identity import path_set_ids
from pathpatch_runner.store import atomic
from pathpatch_runner.store.part import SUFFIX, Head, PartError, encoded, read_head, read_part

log = logging.getLogger("pathpatch_runner")
Read = TypeVar("Read")

FOLDER = ".known"
ABOUT = "about.json"
DIGEST_LENGTH = 16


def key_of(about: Mapping[str, Any]) -> str:
    """The name of the folder for what values depend on."""
    text = json.dumps(about, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


@dataclass
class Taken:
    """Evaluations (unit, pair, direction, draw): all that were asked for, and those that were
    taken, by the run that found them. What this attempt itself found and asks for again is not
    counted as taken."""

    asked: int = 0
    by_run: dict[str, int] = field(default_factory=dict)


class KnownValues:
    """The values of one key. `root`: the output root; `run`: the key of the run that asks.
    `reads` False: nothing is taken, and what is found is kept all the same."""

    def __init__(self, root: Path, about: Mapping[str, Any], run: str, *, reads: bool) -> None:
        self.key = key_of(about)
        self.taken = Taken()
        self._about = about
        self._folder = root / self.name
        self._run = run
        self._writes = True
        self._parts: dict[Path, Head] = {}
        self._where: dict[tuple[str, int], dict[bytes, list[tuple[Path, int]]]] = {}
        self._unread: list[Path] = []
        self._sweep()
        if reads:
            for path in sorted(self._folder.glob(f"*{SUFFIX}")):
                head = _unless_damaged(path, read_head)
                if head is not None:
                    self._add(path, head)
        self._before = frozenset(self._parts)

    @property
    def name(self) -> str:
        """Of the folder, below the output root."""
        return f"{FOLDER}/{self.key}"

    def _sweep(self) -> None:
        """What this run left half written when it was killed. Nobody else makes it now: its
        directory is locked."""
        for stale in self._folder.glob(f".{self._run}-*{atomic.TEMPORARY_SUFFIX}"):
            stale.unlink(missing_ok=True)

    def units(self, path_sets: Sequence[PathSet], name: Callable[[int], str]) -> KnownUnits:
        """What is known of the units of a plan. `name`: what messages call a unit."""
        return KnownUnits(self, path_set_ids(path_sets), name)

    def _add(self, path: Path, head: Head) -> None:
        self._parts[path] = head
        self._unread.append(path)

    def _rows(self, direction: str, draw: int) -> Mapping[bytes, Sequence[tuple[Path, int]]]:
        """Where each path set is, by its id. What was added since somebody asked is read now:
        mostly nobody asks for what was just found."""
        for path in self._unread:
            head = self._parts[path]
            rows = self._where.setdefault((head.direction, head.draw), {})
            for row, each in enumerate(head.ids):
                rows.setdefault(each, []).append((path, row))
        self._unread.clear()
        return self._where.get((direction, draw), {})

    def recall(self, ids: Sequence[bytes], portion: Portion) -> Recalled:
        """`Units.recall` for units with these ids."""
        self.taken.asked += len(ids) * portion.n_pairs
        rows = self._rows(portion.direction.value, portion.draw)
        by_part: dict[Path, list[tuple[int, int]]] = {}
        for unit, each in enumerate(ids):
            for path, row in rows.get(each, ()):
                by_part.setdefault(path, []).append((unit, row))
        values = np.zeros((len(ids), *portion.shape))
        missing = np.ones((len(ids), len(portion.points)), dtype=bool)
        found_by = np.full(len(ids), None, dtype=object)
        for path in sorted(by_part):
            filled = self._fill(path, np.array(by_part[path]), portion, values, missing)
            found_by[filled] = self._parts[path].run if path in self._before else None
        known = np.flatnonzero(~missing.any(axis=1))
        for run in filter(None, found_by[known]):
            self.taken.by_run[run] = self.taken.by_run.get(run, 0) + portion.n_pairs
        return Recalled(known, values[known])

    def _fill(
        self,
        path: Path,
        found: np.ndarray,
        portion: Portion,
        values: np.ndarray,
        missing: np.ndarray,
    ) -> np.ndarray:
        """What a part has of a portion, for the (unit, row) of `found`, into `values` [unit,
        metric, point] and out of `missing` [unit, point]; the units that had any of it missing."""
        head = self._parts[path]
        if not set(portion.metrics) <= set(head.metrics):
            return found[:0, 0]
        column = {point: number for number, point in enumerate(head.points)}
        here = [number for number, point in enumerate(portion.points) if point in column]
        found = found[missing[found[:, 0]][:, here].any(axis=1)] if here else found[:0]
        part = _unless_damaged(path, read_part) if len(found) else None
        if part is None:
            return found[:0, 0]
        metrics = [head.metrics.index(name) for name in portion.metrics]
        points = [column[portion.points[number]] for number in here]
        unit, row = found[:, 0], found[:, 1]
        taken = part[1][row][:, metrics][:, :, points]
        values[unit[:, None, None], np.arange(len(metrics))[:, None], np.array(here)] = taken
        missing[unit[:, None], here] = False
        return unit

    def keep(self, ids: Sequence[bytes], portion: Portion, values: np.ndarray) -> None:
        """`Units.keep` for units with these ids. A folder that cannot be written to is no reason
        to fail: it is said once, and nothing more is kept."""
        head = Head(
            run=self._run,
            direction=portion.direction.value,
            draw=portion.draw,
            metrics=portion.metrics,
            points=portion.points,
            ids=tuple(ids),
        )
        path = self._write(head, values)
        if path is not None:
            self._add(path, head)

    def _write(self, head: Head, values: np.ndarray) -> Path | None:
        if not self._writes:
            return None
        data = encoded(head, values)
        name = f"{self._run}-{hashlib.sha256(data).hexdigest()[:DIGEST_LENGTH]}{SUFFIX}"
        path = self._folder / name
        try:
            self._make_folder()
            # Not flushed: after a power cut its digests say whether it is whole.
            with atomic.replaced(path, flush=False) as temporary:
                temporary.write_bytes(data)
        except StoreError as error:
            self._writes = False
            log.warning("what is evaluated cannot be kept for another attempt: %s", error)
            return None
        return path

    def _make_folder(self) -> None:
        about = self._folder / ABOUT
        if about.exists():
            return
        with atomic.explained(about):
            self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._about, indent=2, sort_keys=True) + "\n"
        with atomic.replaced(about, owner=f"{self._run}-") as temporary:
            temporary.write_bytes(text.encode())

    def join(self) -> None:
        """The parts of this run as few: it is complete, and nobody resumes it. A kill at any time
        leaves either the many or the one, or both, which are equal."""
        own = [path for path, head in self._parts.items() if head.run == self._run]
        if self._writes:
            # Of an attempt that was not to be taken from (`reads`).
            for stale in set(self._folder.glob(f"{self._run}-*{SUFFIX}")) - set(own):
                stale.unlink(missing_ok=True)
        for paths in _grouped(own, self._parts):
            parts = [(path, _unless_damaged(path, read_part)) for path in paths]
            whole = [(path, part) for path, part in parts if part is not None]
            if len(whole) < 2:
                continue
            joined = self._write(*_joined([part for _, part in whole]))
            if joined is not None:
                for path, _ in whole:
                    path.unlink(missing_ok=True)


@dataclass(frozen=True)
class KnownUnits:
    """An `execute.units.Units` of path sets with ids."""

    _values: KnownValues
    _ids: Sequence[bytes]
    _name: Callable[[int], str]

    def name(self, unit: int) -> str:
        """What messages call a unit."""
        return self._name(unit)

    def recall(self, portion: Portion) -> Recalled:
        """Every unit that is known in the whole portion."""
        return self._values.recall(self._ids, portion)

    def keep(self, units: np.ndarray, portion: Portion, values: np.ndarray) -> None:
        """Values that were found."""
        self._values.keep([self._ids[unit] for unit in units], portion, values)


def _unless_damaged(path: Path, read: Callable[[Path], Read]) -> Read | None:
    """What is read of a part file; None, with a warning, for a damaged one, and for one that is
    gone (another process has joined it with others)."""
    try:
        return read(path)
    except FileNotFoundError:
        return None
    except (PartError, OSError) as error:
        log.warning('"%s" is ignored: %s. Its values are computed again', path, error)
        return None


def _grouped(paths: Iterable[Path], heads: Mapping[Path, Head]) -> list[list[Path]]:
    groups: dict[Any, list[Path]] = {}
    for path in sorted(paths):
        groups.setdefault(heads[path].about, []).append(path)
    return list(groups.values())


def _joined(parts: Sequence[tuple[Head, np.ndarray]]) -> tuple[Head, np.ndarray]:
    """Parts that are about the same, as one; a path set that several have comes once."""
    first = parts[0][0]
    ids = [each for head, _ in parts for each in head.ids]
    rows = list({each: row for row, each in enumerate(ids)}.values())
    values = np.concatenate([values for _, values in parts])[rows]
    head = Head(first.run, *first.about, tuple(ids[row] for row in rows))
    return head, values

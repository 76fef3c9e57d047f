"""Finished parts sorted by the whole they are of: what is there, missing, and must not be added up.

Parts are of one whole if their configs (but for `shard` and `bindings`) and the digests of their
weights, data and code are the same, and with them the run key of the whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pathpatch_runner.collection.part import Cell, PartRun, named
from pathpatch_runner.config.plain import leaves
from pathpatch_runner.errors import StoreError
from pathpatch_runner.inputs.parts import Part

MOST_LISTED = 8


@dataclass(frozen=True)
class Gathered:
    """All parts of one whole that are there, by cell."""

    parts: Mapping[Cell, PartRun]

    @property
    def first(self) -> PartRun:
        """The part with the lowest numbers."""
        return self.parts[min(self.parts)]

    @property
    def whole_key(self) -> str:
        """The run key of the whole."""
        return self.first.whole_key

    @property
    def cells(self) -> list[Cell]:
        """All cells that the whole is cut into: shards, and in each the parts of the bindings."""
        shards, bindings = self.first.cut
        return [
            (Part(shards, one), Part(bindings, two))
            for one, two in itertools.product(range(1, shards + 1), range(1, bindings + 1))
        ]

    @property
    def missing(self) -> list[Cell]:
        """Cells of which no finished part is there."""
        return [cell for cell in self.cells if cell not in self.parts]


def gather(parts: Sequence[PartRun]) -> list[Gathered]:
    """Parts by whole: the fullest first, then by the lowest part.

    Raises StoreError for a part that is there twice, and for a whole that is cut in two ways.
    """
    wholes: dict[str, dict[Cell, PartRun]] = {}
    for part in parts:
        known = wholes.setdefault(part.whole_key, {})
        for other in known.values():
            _check_together(part, other)
        known[part.cell] = part
    gathered = [Gathered(known) for known in wholes.values()]
    return sorted(gathered, key=lambda whole: (-len(whole.parts), whole.first.cell))


def _check_together(part: PartRun, other: PartRun) -> None:
    here, there = part.directory.path, other.directory.path
    if part.cell == other.cell:
        raise StoreError(
            f'{named(part.cell)} is there twice: "{there}" and "{here}". Its pairs would count '
            "twice. Name the folder of one of them only, or remove one"
        )
    if part.cut != other.cut:
        raise StoreError(
            f'"{there}" is {named(other.cell)} and "{here}" is {named(part.cell)} of the same run: '
            "it is cut in two ways, and pairs would count twice. Remove the parts of one"
        )


def why_incomplete(
    gathered: Gathered, parts: Sequence[PartRun], unfinished: Mapping[str, str]
) -> str:
    """What is missing of a whole, and what is known of it. `parts`: of any whole; `unfinished`:
    what is said of runs that did not finish, by cell as it is named."""
    missing = gathered.missing
    lines = [f"  {line}" for cell in missing for line in _told(cell, gathered, parts, unfinished)]
    more = len(lines) - MOST_LISTED
    shown = "\n".join(lines[:MOST_LISTED]) + (f"\n  and {more} more" if more > 0 else "")
    return (
        f"{len(missing)} of {len(gathered.cells)} parts are missing:\n{shown}\n"
        f"Of this run there are {len(gathered.parts)}, such as "
        f'"{gathered.first.directory.path}". The same command again makes what is missing'
    )


def _told(
    cell: Cell, gathered: Gathered, parts: Sequence[PartRun], unfinished: Mapping[str, str]
) -> Iterator[str]:
    name = named(cell)
    yield f"{name} {unfinished[name]}" if name in unfinished else name
    for part in parts:
        if part.cell == cell:
            differ = "; ".join(differences(part, gathered.first)[:MOST_LISTED])
            yield f'  "{part.directory.path}" is not added up: {differ}'


def differences(part: PartRun, other: PartRun) -> list[str]:
    """What makes two parts those of different runs, as messages."""
    one, two = (_facts(each) for each in (part, other))
    return [
        f"its {key} is {one.get(key)!r}, not {two.get(key)!r}"
        for key in dict.fromkeys([*one, *two])
        if one.get(key) != two.get(key)
    ]


def _facts(part: PartRun) -> dict[str, Any]:
    digests = {f"digest of {key}": text for key, text in part.manifest.provenance.digests.items()}
    return digests | dict(leaves(part.config))

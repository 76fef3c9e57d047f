"""The measured values of all parts, in the order that the whole has.

Points stand in the order of their pairs in the dataset, units in the order of hypotheses, unit
kinds, entries and bindings. Statistics depend on this order (their draws are made from the list of
pairs), so that those of the united values are those of the whole, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pathpatch_runner.collection.kept import Kept, KeptUnit
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.errors import StoreError
from pathpatch_runner.inputs.parts import Part

TOLERATED = 0.05
"""Relative disagreement of what several parts measured alike; rounding in half precision, with
room to spare. More says that they did not run the same model."""


@dataclass(frozen=True)
class United:
    """All values, and how far parts disagree about what several of them measured."""

    kept: Kept
    disagreement: float


def unite_shards(parts: Sequence[Kept]) -> Kept:
    """The points of all shards; each must have the same units. Raises StoreError for pairs that
    are there twice or not at all."""
    first = parts[0]
    if any(part.units != first.units or part.metrics != first.metrics for part in parts):
        raise StoreError("the shards have not the same units and metrics: they are no parts of one")
    pair = np.concatenate([part.pair for part in parts])
    counts = [len(np.unique(part.pair)) for part in parts]
    if not np.array_equal(np.unique(pair), np.arange(sum(counts))):
        raise StoreError(
            f"the shards have {sum(counts)} pairs, which are not the pairs 0 to {sum(counts) - 1} "
            "of a dataset: some are there twice, or not at all"
        )
    order = np.argsort(pair, kind="stable")
    ids = [name for part in parts for name in part.pair_id]

    def joined(values: Sequence[Floats]) -> Floats:
        return np.concatenate(values, axis=-1)[..., order]

    return Kept(
        units=first.units,
        metrics=first.metrics,
        pair_id=tuple(ids[number] for number in order),
        position=np.concatenate([part.position for part in parts])[order],
        pair=pair[order],
        clean=joined([part.clean for part in parts]),
        corrupt=joined([part.corrupt for part in parts]),
        patched={
            direction: joined([part.patched[direction] for part in parts])
            for direction in first.patched
        },
    )


def unite_bindings(parts: Mapping[Part, Kept], config: Mapping[str, Any]) -> United:
    """The units of all parts of the bindings; each must have the same points. `config`: of the
    whole, for the order of the units."""
    first = parts[min(parts)]
    alike = (first.pair_id, first.metrics, set(first.patched))
    if any((part.pair_id, part.metrics, set(part.patched)) != alike for part in parts.values()):
        raise StoreError("the parts have not the same points and metrics: they are no parts of one")
    placed = sorted(_placed(parts), key=lambda each: _order(each, config))
    units = [unit for unit, *_ in placed]
    patched = {
        direction: np.stack([part.patched[direction][row] for _, _, part, row in placed])
        for direction in first.patched
    }
    whole = replace(first, units=tuple(units), patched=patched)
    disagreement = max(_disagreements(list(parts.values())), default=0.0)
    if not disagreement <= TOLERATED:
        raise StoreError(
            f"parts differ by {disagreement:.2g} (relative) in what they measured alike, the plain "
            "runs and what others are measured against: they did not run the same model"
        )
    return United(whole, disagreement)


Placed = tuple[KeptUnit, int, Kept, int]
"""A unit, its number among those dealt out (or in part 1), the part that has it, and where."""


def _placed(parts: Mapping[Part, Kept]) -> Iterator[Placed]:
    for part, kept in parts.items():
        dealt = 0
        for row, unit in enumerate(kept.units):
            if unit.is_dealt:
                yield unit, part.number - 1 + dealt * part.count, kept, row
                dealt += 1
            elif part.number == 1:
                yield unit, row, kept, row


def _order(placed: Placed, config: Mapping[str, Any]) -> tuple[int, ...]:
    unit, number, *_ = placed
    hypotheses: Mapping[str, Any] = config["hypotheses"]
    kinds = list(dict.fromkeys(config["patch"]["units"]))
    entries = list(hypotheses[unit.hypothesis]["paths"])
    return (
        list(hypotheses).index(unit.hypothesis),
        kinds.index(unit.kind.value),
        entries.index(unit.entry) if unit.entry else 0,
        number,
    )


def _disagreements(parts: Sequence[Kept]) -> Iterator[float]:
    """Of every part with the first: the plain runs, and units that both have."""
    first, *others = parts
    numbers = {(unit.hypothesis, unit.kind, unit.path_id): i for i, unit in enumerate(first.units)}
    for part in others:
        yield _apart(first.clean, part.clean)
        yield _apart(first.corrupt, part.corrupt)
        for row, unit in enumerate(part.units):
            known = numbers.get((unit.hypothesis, unit.kind, unit.path_id))
            for direction, values in part.patched.items() if known is not None else ():
                yield _apart(first.patched[direction][known], values[row])


def _apart(one: Floats, other: Floats) -> float:
    """The largest difference, relative to the largest value; 0 where they are the same."""
    largest = float(np.abs(one - other).max())
    return largest / float(np.maximum(np.abs(one), np.abs(other)).max()) if largest else 0.0

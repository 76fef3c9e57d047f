"""Parts of one experiment, made by many jobs: `shard` of its pairs, `bindings` of its units.

`3/8` is the third of eight parts; both numbers count from 1. A sweep over `shard=1/8,2/8,...,8/8`
makes all pairs, each once, and `collect` makes one run of them.

`shard` deals the pairs out like cards: sorted by length, the first goes to part 1, the second to
part 2, and so on. Lengths 5 5 5 5 9 9 in two parts: part 1 has the first, third and fifth (5 5 9),
part 2 the others (5 5 9). So parts differ by one pair at most, and so do their pairs of any length.

`bindings` deals out the units of kind `path`: an entry, or each binding of a family, in the order
of the rows. All other units (unions of entries, circuits of several sizes) are in part 1. A
hypothesis that others name in `against` is in every part that measures by it.

What a run makes of all its pairs or units together cannot be added up from parts: scores, searches
and controls are refused. Means and noise that replace corrupt values are those of all pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pathpatch_runner.config import ExperimentConfig, UnitKind
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.errors import ConfigError, PathPatchError
from pathpatch_runner.hypothesis import Hypotheses, Unit

SHARD, BINDINGS = "shard", "bindings"
KEYS = (SHARD, BINDINGS)
SIZE = "size"
"""The variable of circuits of several sizes, whose curve needs them together."""

_PART = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")


@dataclass(frozen=True, order=True)
class Part:
    """`3/8`: `number` 3, from 1, of `count` 8."""

    count: int = 1
    number: int = 1

    def of(self, total: int) -> range:
        """Which of `total` things are this part's, dealt out one by one."""
        return range(self.number - 1, total, self.count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def part_of(text: str | None, key: str) -> Part:
    """What a config says under `key`; null is everything. Raises ConfigError."""
    if text is None:
        return Part()
    match = _PART.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        raise ConfigError(
            f'{key}: "{text}" is no part. Write its number, from 1, and how many parts there are: '
            f"{key}=3/8 is the third of eight"
        )
    return Part(int(match[2]), int(match[1]))


def part_problems(config: ExperimentConfig) -> Iterator[PathPatchError]:
    """What is wrong with the parts that a config asks for, whatever the data and the model."""
    said = {key: getattr(config, key) for key in KEYS if getattr(config, key) is not None}
    for key, text in said.items():
        try:
            part_of(text, key)
        except ConfigError as problem:
            yield problem
    whole = {
        "search": config.search is not None,
        "scores.methods": bool(config.scores.methods),
        "patch.controls": config.patch.controls > 0,
    }
    for other in (key for key, asked in whole.items() if asked):
        for key in said:
            yield ConfigError(
                f"{key}: {other} needs all pairs and units at once, so its parts cannot be added "
                f"up. Leave out {key}, or run {other} in an experiment of its own"
            )


def shard_numbers(pairs: PairSet, part: Part) -> list[int]:
    """Which pairs are the part's, in their order. Raises ConfigError where there are too few."""
    total = len(pairs.pairs)
    if part.count > total:
        raise ConfigError(
            f"{SHARD}: {part} asks for {part.count} parts of {total} pairs. {total} are the most"
        )
    by_length = sorted(range(total), key=lambda number: len(pairs.pairs[number].clean))
    return sorted(by_length[place] for place in part.of(total))


def shard_of(pairs: PairSet, part: Part) -> PairSet:
    """The part's pairs. What was left out of the dataset is left out of every part."""
    if part == Part():
        return pairs
    chosen = tuple(pairs.pairs[number] for number in shard_numbers(pairs, part))
    return replace(pairs, pairs=chosen)


def is_dealt(kind: UnitKind, variables: Sequence[str]) -> bool:
    """Whether a unit is dealt out by `bindings`; the others are in part 1."""
    return kind is UnitKind.path and tuple(variables) != (SIZE,)


def bindings_of(found: Hypotheses, part: Part) -> Hypotheses:
    """The part's units. Raises ConfigError where there are too few of kind path."""
    if part == Part():
        return found
    dealt = [i for i, unit in enumerate(found.units) if _is_dealt(unit)]
    if part.count > len(dealt):
        raise ConfigError(
            f"{BINDINGS}: {part} asks for {part.count} parts of {len(dealt)} units of kind path "
            "(entries, and bindings of families). So many are the most"
        )
    chosen = {dealt[place] for place in part.of(len(dealt))}
    if part.number == 1:
        chosen |= set(range(len(found.units))) - set(dealt)
    chosen |= _yardsticks(found.units, found.against, chosen)
    return replace(found, units=tuple(found.units[number] for number in sorted(chosen)))


def _is_dealt(unit: Unit) -> bool:
    return is_dealt(unit.kind, [variable for variable, _ in unit.binding])


def _yardsticks(units: Sequence[Unit], against: Mapping[str, str], chosen: set[int]) -> set[int]:
    """The hypotheses that the chosen units are measured against."""
    named = {against.get(units[number].hypothesis) for number in chosen}
    return {
        number
        for number, unit in enumerate(units)
        if unit.kind is UnitKind.hypothesis and unit.hypothesis in named
    }

"""Pairs of prompts: what an experiment is evaluated on.

A *pair* is a clean and a corrupt prompt of equal length, as token ids. An *evaluation point* is
a position at which the model's output is read, with the token ids that metrics ask for.
Positions count from 0; `positions` names some of them, `end` always the last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pathpatch_runner.expression.ast import Position

END = "end"


@dataclass(frozen=True)
class Point:
    """An evaluation point; `answers`, `distractors`: token ids, any of which counts; empty where
    the data has none."""

    position: int
    answers: tuple[int, ...] = ()
    distractors: tuple[int, ...] = ()


@dataclass(frozen=True)
class Pair:
    """`clean`, `corrupt`: token ids of equal length; `positions`: name -> position."""

    pair_id: str
    clean: tuple[int, ...]
    corrupt: tuple[int, ...]
    points: tuple[Point, ...]
    positions: Mapping[str, int]


@dataclass(frozen=True)
class PairSet:
    """All pairs of an experiment, in order. `left_out`: (where, why) of records that cannot be
    used, where the config lets them be left out."""

    name: str
    pairs: tuple[Pair, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @cached_property
    def position_names(self) -> frozenset[str]:
        """Names that every pair has a position for."""
        return frozenset.intersection(*(frozenset(pair.positions) for pair in self.pairs))

    @cached_property
    def lengths(self) -> frozenset[int]:
        """Numbers of tokens that prompts have."""
        return frozenset(len(pair.clean) for pair in self.pairs)

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits over everything in the pairs."""
        digest = hashlib.sha256()
        for pair in self.pairs:
            points = [(p.position, p.answers, p.distractors) for p in pair.points]
            names = sorted(pair.positions.items())
            line = json.dumps([pair.pair_id, pair.clean, pair.corrupt, points, names])
            digest.update(line.encode())
        return digest.hexdigest()[:16]


def locate(position: Position, pair: Pair) -> int | None:
    """The index of a position in a pair's prompts; None where it lies outside them."""
    length = len(pair.clean)
    if position.name is None:
        index = position.offset + length if position.offset < 0 else position.offset
    elif position.name in pair.positions:
        index = pair.positions[position.name] + position.offset
    else:
        return None
    return index if 0 <= index < length else None


def group_by_length(pairs: Sequence[Pair]) -> list[list[int]]:
    """Numbers of the pairs of equal length, shortest first, each in order."""
    groups: dict[int, list[int]] = {}
    for number, pair in enumerate(pairs):
        groups.setdefault(len(pair.clean), []).append(number)
    return [groups[length] for length in sorted(groups)]

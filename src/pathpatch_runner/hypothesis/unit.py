"""What resolving a config's hypotheses gives: units, the path sets that get rows in the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pathpatch_runner.config import UnitKind
from pathpatch_runner.expression.ast import PathSet, Position


@dataclass(frozen=True)
class Unit:
    """One row group of the tables.

    `path_id`: the entry's name, `entry[s=a0.h1,r=a1.h2]` for a binding, names joined by `+`
    for a union. `path`: canonical expressions joined by ` | `. `binding`: (variable, node
    name) in the order of `over`, () if none. `entry`: the entry's name, "" for a union.
    """

    hypothesis: str
    kind: UnitKind
    path_id: str
    path: str
    binding: tuple[tuple[str, str], ...]
    paths: PathSet
    entry: str = ""


@dataclass(frozen=True)
class Hypotheses:
    """All units, in the order of hypotheses, then of unit kinds, then of entries.

    `bindings_left_out`: how many bindings match no path. `against`: hypothesis by hypothesis
    that names one. `positions`: every position that an expression mentions.
    """

    units: tuple[Unit, ...]
    bindings_left_out: int
    against: Mapping[str, str]
    positions: frozenset[Position]

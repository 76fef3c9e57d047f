"""What resolving a config's hypotheses gives: units, the path sets that get rows in the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pathpatch_runner.circuit import Circuit
from pathpatch_runner.config import UnitKind
from pathpatch_runner.expression.ast import PathSet, Position


@dataclass(frozen=True)
class Unit:
    """One row group of the tables.

    `path_id`: the entry's name, `entry[s=a0.h1,r=a1.h2]` for a binding, names joined by `+`
    for a union. `path`: canonical expressions joined by ` | `. `binding`: (variable, node
    name) in the order of `over`, () if none. `entry`: the entry's name, "" for a union.
    `members`: the entries of a union by name, in order.
    `reference`: the circuit that this one, a circuit too, is compared with edge by edge.
    """

    hypothesis: str
    kind: UnitKind
    path_id: str
    path: str
    binding: tuple[tuple[str, str], ...]
    paths: PathSet
    entry: str = ""
    reference: Circuit | None = None
    members: tuple[str, ...] = ()

    @property
    def circuit(self) -> Circuit | None:
        """The circuit that is the unit's whole path set, if it is one."""
        only = self.paths[0] if len(self.paths) == 1 else None
        return only if isinstance(only, Circuit) else None

    @property
    def n_edges(self) -> int | None:
        """Edges of the unit's circuit; None where it is none."""
        return None if self.circuit is None else len(self.circuit.edges)


@dataclass(frozen=True)
class Hypotheses:
    """All units, in the order of hypotheses, then of unit kinds, then of entries.

    `bindings_left_out`: how many bindings match no path. `against`: hypothesis by hypothesis
    that names one. `positions`: every position that an expression mentions. `awaits_scores`:
    circuits are still to be chosen by scores of this run; until then they stand for the empty set.
    """

    units: tuple[Unit, ...]
    bindings_left_out: int
    against: Mapping[str, str]
    positions: frozenset[Position]
    awaits_scores: bool = False

    def name(self, number: int) -> str:
        """What messages call a unit: `hypothesis/path_id`."""
        unit = self.units[number]
        return f"{unit.hypothesis}/{unit.path_id}"

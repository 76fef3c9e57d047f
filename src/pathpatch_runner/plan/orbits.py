"""Orbits: path sets that are equal up to renaming heads within their layers.

Heads of one layer read the same streams and write to the same streams, so exchanging two of them
in a path set exchanges them in its plan, and changes nothing else. `a0.h3 -> a5.h1<q> -> logits`
and `a0.h7 -> a5.h2<q> -> logits` have the same plan, read with other names. An *orbit* is a class
of path sets under such exchanges; one plan, compiled for its *representative* (the first member),
serves all of them. A family of ten thousand bindings has some dozens of orbits.

Two path sets are in one orbit if they are written alike, single heads in the same places, and if
heads in the same place are in the same layer and in the same of the other *node sets* that the
path set names (`{a0.h1, a0.h2}`, `a3.h*`): an exchange must leave these as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pathpatch_runner.expression.ast import PathSet, Route, Steps
from pathpatch_runner.graph import Graph, NodeKind


@dataclass(frozen=True)
class Orbit:
    """`members`: long [member], the numbers of the path sets. `nodes`: [member, node], the node
    that plays, in each member, the part of the representative's node."""

    representative: PathSet
    members: np.ndarray
    nodes: np.ndarray


def orbits_of(path_sets: Sequence[PathSet], graph: Graph) -> tuple[Orbit, ...]:
    """The orbits of the path sets, in order of their first member."""
    reader = _Reader(graph)
    members: dict[Any, list[int]] = {}
    parts: dict[Any, list[tuple[int, ...]]] = {}
    for number, paths in enumerate(path_sets):
        key, heads = reader.read(paths)
        members.setdefault(key, []).append(number)
        parts.setdefault(key, []).append(heads)
    return tuple(
        Orbit(
            path_sets[numbers[0]],
            np.array(numbers),
            _renamings(np.array(parts[key]).reshape(len(numbers), -1), graph),
        )
        for key, numbers in members.items()
    )


@dataclass(frozen=True)
class _Part:
    """A step set, taken apart: `heads`, the single heads it names, and `node_sets`, its other node
    sets (by number), both in order. What is left is the same for all of an orbit: negation, slots,
    positions, which pattern is a single head; `pattern` numbers it. `{a0.h1<q>, m*}` and
    `{a0.h2<q>, m*}` have the same `pattern` and `node_sets` and other `heads`."""

    pattern: int
    heads: tuple[int, ...]
    node_sets: tuple[int, ...]


class _Reader:
    """Splits a path set into what its orbit has in common and the single heads it names, in order.

    A family has as many path sets as bindings, but few step sets, which they share: each is
    read once.
    """

    def __init__(self, graph: Graph) -> None:
        self._stage_of = graph.stage_of
        self._is_head = [node.kind is NodeKind.head for node in graph.nodes]
        self._parts: dict[int, _Part] = {}
        self._patterns: dict[Any, int] = {}
        self._set_numbers: dict[frozenset[int], int] = {}
        self._members: list[frozenset[int]] = []
        self._roles: dict[tuple[int, tuple[int, ...]], tuple[int, ...]] = {}

    def read(self, paths: PathSet) -> tuple[Any, tuple[int, ...]]:
        """(key, distinct single heads in order of appearance)."""
        known = self._parts
        key: list[Any] = []
        named: list[int] = []
        node_sets: list[int] = []
        for route in paths:
            if not isinstance(route, Route):
                # A circuit names heads edge by edge: only a path set equal to this one is like it.
                return paths, ()
            key.append(len(route.sets))
            for steps in (*route.sets, *route.links):
                if steps is None:
                    key.append(None)
                    continue
                part = known.get(id(steps)) or self._read(steps)
                key.append(part.pattern)
                if part.heads:
                    named += part.heads
                node_sets += part.node_sets
        heads = tuple(dict.fromkeys(named))
        again = () if len(heads) == len(named) else tuple([heads.index(head) for head in named])
        all_sets = tuple(node_sets)
        roles = [self._role(head, all_sets) for head in heads]
        return (tuple(key), again, all_sets, *roles), heads

    def _role(self, head: int, node_sets: tuple[int, ...]) -> tuple[int, ...]:
        """The head's stage, and which of the node sets it is in."""
        found = self._roles.get((head, node_sets))
        if found is None:
            inside = [number for number in node_sets if head in self._members[number]]
            found = self._roles[head, node_sets] = (self._stage_of[head], *inside)
        return found

    def _read(self, steps: Steps) -> _Part:
        """The part of a step set, remembered by identity: the path sets keep it alive."""
        heads: list[int] = []
        node_sets: list[int] = []
        kept: list[Any] = [steps.negated, steps.crossing]
        for pattern in steps.patterns:
            single = len(pattern.nodes) == 1 and self._is_head[next(iter(pattern.nodes))]
            if single:
                heads.append(next(iter(pattern.nodes)))
            else:
                node_sets.append(self._number_of(pattern.nodes))
            kept.append((single, pattern.slots, pattern.write, pattern.read, pattern.back))
        number = self._patterns.setdefault(tuple(kept), len(self._patterns))
        part = self._parts[id(steps)] = _Part(number, tuple(heads), tuple(node_sets))
        return part

    def _number_of(self, nodes: frozenset[int]) -> int:
        if nodes not in self._set_numbers:
            self._set_numbers[nodes] = len(self._members)
            self._members.append(nodes)
        return self._set_numbers[nodes]


def _renamings(heads: np.ndarray, graph: Graph) -> np.ndarray:
    """Permutations [member, node] that take the first member's heads [member, part] to each's.

    Built from exchanges of two heads with the same part in every node set, which therefore
    leave every node set as it is.
    """
    n_members = len(heads)
    rows = np.arange(n_members)
    nodes = np.tile(np.arange(len(graph.nodes), dtype=np.int32), (n_members, 1))
    inverse = nodes.copy()
    for part in range(heads.shape[1]):
        here, wanted = heads[0, part], heads[:, part]
        there, displaced = inverse[rows, wanted], nodes[:, here].copy()
        nodes[rows, there] = displaced
        inverse[rows, displaced] = there
        nodes[:, here] = wanted
        inverse[rows, wanted] = here
    return nodes

"""Path sets of the same shape: equal up to a renaming of heads within their layers.

Heads of one layer read the same streams and write to the same streams, so exchanging two of
them in a path set exchanges them in its plan. A *shape* is a class of path sets under such
exchanges; one plan, compiled for its *representative*, serves every member. A family of ten
thousand bindings has some dozens of shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pathpatch_runner.expression.ast import PathSet, Route, Steps
from pathpatch_runner.graph import Graph, NodeKind


@dataclass(frozen=True)
class Shape:
    """`members`: long [member], the numbers of the path sets. `nodes`: [member, node], the node
    that plays, in each member, the part of the representative's node."""

    representative: PathSet
    members: np.ndarray
    nodes: np.ndarray


def shapes_of(path_sets: Sequence[PathSet], graph: Graph) -> tuple[Shape, ...]:
    """The shapes of the path sets, in order of their first member."""
    reader = _Reader(graph)
    members: dict[Any, list[int]] = {}
    parts: dict[Any, list[tuple[int, ...]]] = {}
    for number, paths in enumerate(path_sets):
        key, heads = reader.read(paths)
        members.setdefault(key, []).append(number)
        parts.setdefault(key, []).append(heads)
    return tuple(
        Shape(
            path_sets[numbers[0]],
            np.array(numbers),
            _renamings(np.array(parts[key]).reshape(len(numbers), -1), graph),
        )
        for key, numbers in members.items()
    )


@dataclass(frozen=True)
class _Part:
    """A step set: `mark` numbers what a shape keeps of it. `heads` [single head named], `crowds`
    [other set of nodes], in order."""

    mark: int
    heads: tuple[int, ...]
    crowds: tuple[int, ...]


class _Reader:
    """Splits a path set into what its shape keeps and the single heads it names, in order.

    A family has as many path sets as bindings, but few step sets, which they share: each is
    read once.
    """

    def __init__(self, graph: Graph) -> None:
        self._stage_of = graph.stage_of
        self._is_head = [node.kind is NodeKind.head for node in graph.nodes]
        self._parts: dict[int, _Part] = {}
        self._marks: dict[Any, int] = {}
        self._crowds: dict[frozenset[int], int] = {}
        self._members: list[frozenset[int]] = []
        self._roles: dict[tuple[int, tuple[int, ...]], tuple[int, ...]] = {}

    def read(self, paths: PathSet) -> tuple[Any, tuple[int, ...]]:
        """(key, distinct single heads in order of appearance)."""
        known = self._parts
        key: list[Any] = []
        named: list[int] = []
        crowds: list[int] = []
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
                key.append(part.mark)
                if part.heads:
                    named += part.heads
                crowds += part.crowds
        heads = tuple(dict.fromkeys(named))
        again = () if len(heads) == len(named) else tuple([heads.index(head) for head in named])
        all_crowds = tuple(crowds)
        roles = [self._role(head, all_crowds) for head in heads]
        return (tuple(key), again, all_crowds, *roles), heads

    def _role(self, head: int, crowds: tuple[int, ...]) -> tuple[int, ...]:
        """The head's stage, and which of the crowds it is in."""
        found = self._roles.get((head, crowds))
        if found is None:
            inside = [crowd for crowd in crowds if head in self._members[crowd]]
            found = self._roles[head, crowds] = (self._stage_of[head], *inside)
        return found

    def _read(self, steps: Steps) -> _Part:
        """The part of a step set, remembered by identity: the path sets keep it alive."""
        heads: list[int] = []
        crowds: list[int] = []
        kept: list[Any] = [steps.negated]
        for pattern in steps.patterns:
            single = len(pattern.nodes) == 1 and self._is_head[next(iter(pattern.nodes))]
            if single:
                heads.append(next(iter(pattern.nodes)))
            else:
                crowds.append(self._crowd(pattern.nodes))
            kept.append((single, pattern.slots, pattern.write, pattern.read, pattern.back))
        mark = self._marks.setdefault(tuple(kept), len(self._marks))
        part = self._parts[id(steps)] = _Part(mark, tuple(heads), tuple(crowds))
        return part

    def _crowd(self, nodes: frozenset[int]) -> int:
        if nodes not in self._crowds:
            self._crowds[nodes] = len(self._members)
            self._members.append(nodes)
        return self._crowds[nodes]


def _renamings(heads: np.ndarray, graph: Graph) -> np.ndarray:
    """Permutations [member, node] that take the first member's heads [member, part] to each's.

    Built from exchanges of two heads with the same part in every crowd, which therefore leave
    every crowd as it is.
    """
    n_members = len(heads)
    rows = np.arange(n_members)
    nodes = np.tile(np.arange(len(graph.nodes), dtype=np.int32), (n_members, 1))
    places = nodes.copy()
    for part in range(heads.shape[1]):
        here, wanted = heads[0, part], heads[:, part]
        there, displaced = places[rows, wanted], nodes[:, here].copy()
        nodes[rows, there] = displaced
        places[rows, displaced] = there
        nodes[:, here] = wanted
        places[rows, wanted] = here
    return nodes

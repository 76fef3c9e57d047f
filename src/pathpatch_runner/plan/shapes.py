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


class _Reader:
    """Splits a path set into what its shape keeps and the single heads it names, in order."""

    def __init__(self, graph: Graph) -> None:
        self._stage_of = graph.stage_of
        self._is_head = [node.kind is NodeKind.head for node in graph.nodes]
        self._fixed: dict[Any, tuple[Any, tuple[frozenset[int], ...]]] = {}

    def read(self, paths: PathSet) -> tuple[Any, tuple[int, ...]]:
        """(key, distinct single heads in order of appearance)."""
        heads: dict[int, int] = {}
        crowds: dict[frozenset[int], int] = {}
        key = tuple([self._route(route, heads, crowds) for route in paths])
        stages = self._stage_of
        roles = tuple([(stages[head], *[head in crowd for crowd in crowds]) for head in heads])
        return (key, tuple(crowds), roles), tuple(heads)

    def _route(self, route: Route, heads: dict[int, int], crowds: dict[frozenset[int], int]) -> Any:
        return tuple(
            [self._steps(steps, heads, crowds) for steps in route.sets]
            + [link and self._steps(link, heads, crowds) for link in route.links]
        )

    def _steps(self, steps: Steps, heads: dict[int, int], crowds: dict[frozenset[int], int]) -> Any:
        found: list[Any] = [steps.negated]
        for pattern in steps.patterns:
            nodes = pattern.nodes
            number = -1
            if len(nodes) == 1:
                (node,) = nodes
                if self._is_head[node]:
                    number = heads.setdefault(node, len(heads))
            if number < 0:
                number = -1 - crowds.setdefault(nodes, len(crowds))
            found.append((number, pattern.slots, pattern.write, pattern.read, pattern.back))
        return tuple(found)


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

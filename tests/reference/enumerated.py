"""Which paths a path set has, by enumerating all paths of a small graph: a specification."""

from __future__ import annotations

from collections.abc import Iterator

from pathpatch_runner.expression.ast import PathSet, Route, Steps
from pathpatch_runner.graph import Graph

Path = tuple[tuple[int, str], ...]
"""A path as (node, slot) steps from `input` to `logits`."""


def model_paths(graph: Graph) -> list[Path]:
    def onward(node: int) -> Iterator[Path]:
        if node == graph.logits:
            yield ()
        for reader in range(node + 1, graph.logits + 1):
            if graph.stage_of[reader] > graph.stage_of[node]:
                for slot in graph.nodes[reader].slots:
                    for rest in onward(reader):
                        yield ((reader, slot), *rest)

    return [((0, ""), *rest) for rest in onward(0)]


def fits(step: tuple[int, str], steps: Steps) -> bool:
    found = any(
        step[0] in pattern.nodes and (pattern.slots is None or step[1] in pattern.slots)
        for pattern in steps.patterns
    )
    return found != steps.negated


def follows(path: Path, route: Route) -> bool:
    """Whether the path, begun at its first step, can be read as the route."""
    if not path or not fits(path[0], route.sets[0]):
        return False
    if len(route.sets) == 1:
        return len(path) == 1
    link, rest = route.links[0], Route(route.sets[1:], route.links[1:])
    for start in range(1, len(path)):
        if follows(path[start:], rest):
            return True
        if link is None or not fits(path[start], link):
            return False
    return False


def members(paths: PathSet, graph: Graph) -> frozenset[Path]:
    return frozenset(
        path
        for path in model_paths(graph)
        if any(follows(path[start:], route) for route in paths for start in range(len(path)))
    )

"""Which paths a path set has, by enumerating all paths of a small graph: a specification."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from pathpatch_runner.circuit import Circuit, edges_of
from pathpatch_runner.expression.ast import PathSet, Route, Steps, Successors
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


def follows(path: Path, at: int, route: Route) -> bool:
    """Whether path[at:] can be read as the route. A crossing reads no step of it: it says
    something of the edge that ends there."""
    steps = route.sets[0]
    if steps.crossing:
        below = {node for pattern in steps.patterns for node in pattern.nodes}
        if not 0 < at < len(path) or path[at][0] in below or not fits(path[at - 1], steps):
            return False
    elif at == len(path) or not fits(path[at], steps):
        return False
    following = at if steps.crossing else at + 1
    if len(route.sets) == 1:
        return following == len(path)
    link, rest = route.links[0], Route(route.sets[1:], route.links[1:])
    while not follows(path, following, rest):
        if following == len(path) or link is None or not fits(path[following], link):
            return False
        following += 1
    return True


def members(paths: PathSet, graph: Graph) -> frozenset[Path]:
    return frozenset(
        path for path in model_paths(graph) if any(contains(member, path) for member in paths)
    )


def contains(member: Route | Successors, path: Path) -> bool:
    """Whether a whole path is in a member of a path set."""
    if isinstance(member, Circuit):
        return in_circuit(member, path)
    assert isinstance(member, Route)
    return any(follows(path, start, member) for start in range(len(path)))


def in_circuit(circuit: Circuit, path: Path) -> bool:
    """Whether every edge of a whole path is one of the circuit's, by name."""
    nodes, edges = circuit.graph.nodes, edges_of(circuit.graph)
    inside = {edges.names[number] for number in circuit.edges}
    return all(
        f"{nodes[writer].name}->{nodes[reader].name}" + (f"<{slot}>" if slot else "") in inside
        for (writer, _), (reader, slot) in pairwise(path)
    )

"""Matched random path sets: the same shape of path set through other heads of the same layers.

Is a path set special, or would any heads of these layers do? A *control* is the path set with its
heads renamed: in every layer the heads are permuted, all else is kept (slots, positions, MLPs,
links). Heads that stand in several places stay one head. For `a0.h3 -> a1.h5<k> -> logits` a
control is `a0.h7 -> a1.h2<k> -> logits`.

Heads of a layer that stand in the same sets of the expression are exchangeable: permuting them
among each other changes nothing. So what matters of a permutation is its *arrangement*: which
heads of a layer take over which role. All arrangements are equally likely, hence all controls.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import factorial, prod

import numpy as np

from pathpatch_runner.circuit import Circuit, edges_of
from pathpatch_runner.errors import HypothesisError
from pathpatch_runner.expression.ast import PathSet, Route, Steps, Successors
from pathpatch_runner.expression.canonical import canonical
from pathpatch_runner.expression.template import merged
from pathpatch_runner.graph import Graph, NodeKind
from pathpatch_runner.hypothesis.unit import Unit

MOST_LISTED = 5_000
"""Up to so many arrangements are all listed, and controls drawn from the list."""
TRIES = 50
"""Draws for each control wanted, where they are not listed."""

Arrangement = tuple[int, ...]
"""The role taken by every head of a layer, by head."""


def matched_path_sets(paths: PathSet, graph: Graph, n: int, seed: int) -> tuple[PathSet, ...]:
    """`n` distinct controls of a path set, never itself, uniformly drawn.

    Raises HypothesisError where there are not so many.
    """
    roles = _roles(paths, graph)
    rng = random.Random(f"controls/{seed}")
    found = {frozenset(paths): paths}
    count = prod(_count(layer.roles) for layer in roles)
    if count <= max(MOST_LISTED, 4 * n):
        for arrangement in product(*(list(_arrangements(layer.roles)) for layer in roles)):
            _add(found, paths, roles, arrangement, graph)
        others = list(found.values())[1:]
        if len(others) >= n:
            return tuple(rng.sample(others, n))
    else:
        for _ in range(TRIES * n):
            if len(found) > n:
                break
            arrangement = tuple(tuple(rng.sample(layer.roles, len(layer.roles))) for layer in roles)
            _add(found, paths, roles, arrangement, graph)
        if len(found) > n:
            return tuple(found.values())[1 : n + 1]
    raise _too_few(paths, len(found) - 1, n, graph)


def controls_problems(units: Iterable[Unit], graph: Graph, n: int) -> list[HypothesisError]:
    """Of units that have not so many controls: one problem for each entry, with its first binding,
    and each path set once."""
    seen: set[PathSet] = set()
    problems: dict[tuple[str, str], list[str]] = {}
    for unit in units:
        if unit.paths in seen:
            continue
        seen.add(unit.paths)
        try:
            matched_path_sets(unit.paths, graph, n, 0)
        except HypothesisError as error:
            said = f"hypotheses.{unit.hypothesis}, {unit.path_id}: patch.{error}"
            problems.setdefault((unit.hypothesis, unit.entry or unit.path_id), []).append(said)
    return [HypothesisError(_first_of(said)) for said in problems.values()]


def _first_of(said: Sequence[str]) -> str:
    more = len(said) - 1
    return said[0] + (f" (and {more:,} more of its bindings)" if more else "")


@dataclass(frozen=True)
class _Layer:
    """`heads`: node indices; `roles`: a number for each, the same for exchangeable heads."""

    heads: tuple[int, ...]
    roles: Arrangement


def _roles(paths: PathSet, graph: Graph) -> list[_Layer]:
    """The layers whose heads have different roles."""
    sets = [nodes for member in paths for nodes in _node_sets(member)]
    layers = []
    for layer in range(graph.shape.n_layers):
        heads = [
            index
            for index, node in enumerate(graph.nodes)
            if node.kind is NodeKind.head and node.layer == layer
        ]
        kinds: dict[tuple[bool, ...], int] = {}
        roles = [
            kinds.setdefault(tuple(head in nodes for nodes in sets), len(kinds)) for head in heads
        ]
        if len(kinds) > 1:
            layers.append(_Layer(tuple(heads), tuple(roles)))
    return layers


def _node_sets(member: Route | Successors) -> Iterator[frozenset[int]]:
    """Sets of nodes such that heads in the same ones are exchangeable in a member."""
    if isinstance(member, Circuit):
        edges = edges_of(member.graph)
        chosen = list(member.edges)
        readers = [edges.steps[step][0] for step in edges.step[chosen].tolist()]
        yield from (frozenset({node}) for node in {*edges.writer[chosen].tolist(), *readers})
    elif isinstance(member, Route):
        for steps in (*member.sets, *member.links):
            if steps is not None:
                yield from (pattern.nodes for pattern in steps.patterns)


def _count(roles: Arrangement) -> int:
    """How many arrangements of these roles there are."""
    alike = prod(factorial(roles.count(role)) for role in set(roles))
    return factorial(len(roles)) // alike


def _arrangements(roles: Sequence[int]) -> Iterator[Arrangement]:
    """All distinct orders of the roles."""
    if not roles:
        yield ()
        return
    for role in sorted(set(roles)):
        rest = list(roles)
        rest.remove(role)
        for others in _arrangements(rest):
            yield (role, *others)


def _add(
    found: dict[frozenset[Route | Successors], PathSet],
    paths: PathSet,
    layers: Sequence[_Layer],
    arrangement: Sequence[Arrangement],
    graph: Graph,
) -> None:
    """Add a control, unless it is there already."""
    names = np.arange(len(graph.nodes))
    for layer, roles in zip(layers, arrangement, strict=True):
        for role in set(roles):
            old = [head for head, own in zip(layer.heads, layer.roles, strict=True) if own == role]
            new = [head for head, own in zip(layer.heads, roles, strict=True) if own == role]
            names[old] = new
    renamed = tuple(_renamed(member, names) for member in paths)
    found.setdefault(frozenset(renamed), renamed)


def _renamed(member: Route | Successors, names: np.ndarray) -> Route | Circuit:
    """A member with its nodes renamed: `names` [node]."""
    if isinstance(member, Circuit):
        return _renamed_circuit(member, names)
    assert isinstance(member, Route)
    return Route(
        tuple(_renamed_steps(steps, names) for steps in member.sets),
        tuple(None if link is None else _renamed_steps(link, names) for link in member.links),
    )


def _renamed_steps(steps: Steps, names: np.ndarray) -> Steps:
    patterns = [replace(one, nodes=_renamed_nodes(one.nodes, names)) for one in steps.patterns]
    return replace(steps, patterns=merged(patterns))


def _renamed_nodes(nodes: Iterable[int], names: np.ndarray) -> frozenset[int]:
    return frozenset(int(names[node]) for node in nodes)


def _renamed_circuit(circuit: Circuit, names: np.ndarray) -> Circuit:
    edges = edges_of(circuit.graph)
    number = {step: position for position, step in enumerate(edges.steps)}
    steps = np.array([number[int(names[node]), slot] for node, slot in edges.steps])
    edge_at = np.full((len(edges.steps), len(names)), -1)
    edge_at[edges.step, edges.writer] = np.arange(len(edges.step))
    chosen = list(circuit.edges)
    renamed = edge_at[steps[edges.step[chosen]], names[edges.writer[chosen]]]
    return Circuit(circuit.graph, tuple(sorted(renamed.tolist())), circuit.name)


def _too_few(paths: PathSet, found: int, n: int, graph: Graph) -> HypothesisError:
    there = f"only {found:,}" if found else "no"
    why = (
        "it names no heads, or all heads of a layer alike"
        if not found
        else "few other heads of the same layers can take the place of those it names"
    )
    return HypothesisError(
        f"controls: {n:,} matched path sets were asked for, but there are {there} others of the "
        f"shape of {canonical(paths, graph)}: {why}. "
        + (f"Ask for {found:,} at most" if found else "Leave its controls out")
    )

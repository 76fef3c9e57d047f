"""A circuit: the path set of all paths from `input` to `logits` whose every edge is in a set.

As an automaton that reads backwards, a circuit needs to know of a path only the step it read last:
whoever has an edge of the circuit into that step's slot may come next. Steps with the same writers
go on alike, so the *items* of a circuit are the distinct sets of writers: item 0 is the start,
before `logits`; the others stand for the slots that some edge of the circuit goes into.

Example: `input->a0.h3<v>`, `a0.h3->a1.h9<k>`, `a1.h9->logits`.

    item 0  logits     -> item 3
    item 1  input      -> UNIVERSAL       (what a0.h3<v> reads)
    item 2  a0.h3<v>   -> item 1          (what a1.h9<k> reads; a0.h3<q> reads nothing: no move)
    item 3  a1.h9<k>   -> item 2          (what logits reads)

There are no more items than slots in the model, however many paths the circuit has, and one version
of every node is enough. That is why the treeified value of a circuit equals what patching its edges
in one shared network gives (every edge outside carrying the other run's value).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pathpatch_runner.circuit.edges import Edges, Mask, edges_of
from pathpatch_runner.circuit.prune import prune
from pathpatch_runner.expression.ast import Successors
from pathpatch_runner.expression.items import UNIVERSAL
from pathpatch_runner.graph import Graph

DIGEST_LENGTH = 8
"""Hexadecimal digits that tell circuits of one name apart in the tables."""


@dataclass(frozen=True)
class Circuit(Successors):
    """`edges`: numbers, ascending, of edges that all lie on a way from `input` to `logits`.

    `name`: what tables call it; circuits are equal if their edges are.
    """

    graph: Graph
    edges: tuple[int, ...]
    name: str = field(default="circuit", compare=False)

    @cached_property
    def mask(self) -> Mask:
        """[edge]."""
        return edges_of(self.graph).mask(self.edges)

    @cached_property
    def text(self) -> str:
        """The circuit in the tables: its name, how many edges, and a digest of them."""
        edges = "edge" if len(self.edges) == 1 else "edges"
        return f"{self.name}[{len(self.edges):,} {edges}, {self.digest}]"

    @cached_property
    def digest(self) -> str:
        """Of the names of the edges."""
        names = edges_of(self.graph).names
        listed = "\n".join([names[number] for number in self.edges])
        return hashlib.sha256(listed.encode()).hexdigest()[:DIGEST_LENGTH]

    @property
    def n_items(self) -> int:
        """Items of the automaton, the start among them."""
        return len(self._moves)

    def moves(self, item: int) -> tuple[tuple[int, int], ...]:
        """(mask of steps, item they lead to) from an item; disjoint masks."""
        return self._moves[item]

    @cached_property
    def _moves(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        edges = edges_of(self.graph)
        into = _writers(edges, self.mask)
        # A slot that nothing is written into has the empty set of writers, and no item.
        read = np.flatnonzero(into.any(axis=1))
        kinds, item_of = np.unique(into[read], axis=0, return_inverse=True)
        target = dict(zip(read.tolist(), (item_of.reshape(-1) + 1).tolist(), strict=True))
        target |= dict.fromkeys(_whole(edges, into), UNIVERSAL)
        steps_of = _steps_of(edges)
        logits = len(edges.steps) - 1
        starts = [(1 << logits, target[logits])] if logits in target else []
        moves = [tuple(starts)]
        for kind in kinds:
            steps = [step for node in np.flatnonzero(kind).tolist() for step in steps_of[node]]
            moves.append(_by_target(steps, target))
        return tuple(moves)


def circuit_of(graph: Graph, chosen: Mask, name: str = "circuit") -> Circuit:
    """The circuit of a set of edges [edge]; those on no way from `input` to `logits` drop out."""
    kept = prune(edges_of(graph), chosen)
    return Circuit(graph, tuple(np.flatnonzero(kept).tolist()), name)


def _writers(edges: Edges, mask: Mask) -> Mask:
    """[step, node]: who has an edge into a slot."""
    into = np.zeros((len(edges.steps), len(edges.graph.nodes)), dtype=bool)
    into[edges.step[mask], edges.writer[mask]] = True
    return into


def _steps_of(edges: Edges) -> list[list[int]]:
    """Step ids by node."""
    found: list[list[int]] = [[] for _ in edges.graph.nodes]
    for step, (node, _) in enumerate(edges.steps):
        found[node].append(step)
    return found


def _whole(edges: Edges, into: Mask) -> list[int]:
    """Steps, `input` among them, from which every continuation is in the circuit: all earlier
    nodes write into them, and every slot of these is such a step too."""
    graph = edges.graph
    whole_node = np.ones(len(graph.nodes), dtype=bool)
    found = [0]
    for step, (node, _) in enumerate(edges.steps[1:], start=1):
        first = graph.stages[graph.stage_of[node]][0]
        if into[step, :first].all() and whole_node[:first].all():
            found.append(step)
        else:
            whole_node[node] = False
    return found


def _by_target(steps: list[int], target: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """Moves of steps that lead somewhere, steps with one target together."""
    masks: dict[int, int] = {}
    for step in steps:
        if step in target:
            masks[target[step]] = masks.get(target[step], 0) | 1 << step
    return tuple((mask, item) for item, mask in masks.items())

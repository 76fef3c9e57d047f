"""All edges of a graph, numbered, as arrays.

An *edge* joins a writer to one slot of a reader in a later stage: `a0.h3->a1.h9<k>`,
`m0->logits`. Edges are numbered by what reads, in the order of the alphabet's steps, then by what
writes, in the order of the graph's nodes. So the edges into one slot are neighbours:

    0  input->a0.h0<q>      1  input->a0.h0<k>      2  input->a0.h0<v>      3  input->a0.h1<q> ...

GPT-2 small has 32,491. Sets of edges are boolean arrays [edge], scores of all edges float arrays
[edge]; NaN stands for "no score".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.graph import Graph

Mask = npt.NDArray[np.bool_]
"""[edge]: a set of edges."""

Scores = npt.NDArray[np.float64]
"""[edge]: a number for every edge, NaN where it has none."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Edges:
    """The edges of a graph. `len(edges)`: how many."""

    graph: Graph

    def __len__(self) -> int:
        return len(self.writer)

    @cached_property
    def steps(self) -> tuple[tuple[int, int], ...]:
        """(node, slot) by step id, as the automaton numbers steps."""
        return Alphabet(self.graph).steps

    @cached_property
    def step(self) -> Numbers:
        """[edge]: the step id of the reader's slot."""
        counts = [self._n_writers(node) for node, _ in self.steps]
        return np.repeat(np.arange(len(counts)), counts)

    @cached_property
    def writer(self) -> Numbers:
        """[edge]: the node that writes. All nodes of earlier stages write into a slot."""
        return np.concatenate([np.arange(self._n_writers(node)) for node, _ in self.steps])

    @cached_property
    def reader(self) -> Numbers:
        """[edge]: the node that reads."""
        return np.array([node for node, _ in self.steps])[self.step]

    @cached_property
    def slot(self) -> Numbers:
        """[edge]: the slot it reads through, an index into the reader's `slots`."""
        return np.array([slot for _, slot in self.steps])[self.step]

    def _n_writers(self, reader: int) -> int:
        return self.graph.stages[self.graph.stage_of[reader]][0]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Canonical name by edge."""
        nodes = [node.name for node in self.graph.nodes]
        slots = [self._step_name(node, slot) for node, slot in self.steps]
        pairs = zip(self.writer.tolist(), self.step.tolist(), strict=True)
        return tuple([f"{nodes[writer]}->{slots[step]}" for writer, step in pairs])

    def _step_name(self, node: int, slot: int) -> str:
        found = self.graph.nodes[node]
        name = found.slots[slot] if found.slots else ""
        return f"{found.name}<{name}>" if name else found.name

    @cached_property
    def index(self) -> dict[str, int]:
        """Edge number by canonical name."""
        return {name: number for number, name in enumerate(self.names)}

    def mask(self, numbers: Iterable[int]) -> Mask:
        """The set of these edges."""
        found = np.zeros(len(self), dtype=bool)
        found[list(numbers)] = True
        return found


@lru_cache(maxsize=8)
def edges_of(graph: Graph) -> Edges:
    """The edges of a graph, kept: a run asks for them again and again."""
    return Edges(graph)

"""Graphs of the circuit tests."""

from __future__ import annotations

from pathpatch_runner.circuit import Edges, Mask, edges_of
from pathpatch_runner.graph import Graph, ModelShape

SIX = Graph(ModelShape(2, 0, 4, 0, 7, 8, d_mlp=4, parallel=True))
"""Two MLPs and no head: input, m0, m1, logits, and six edges."""

NAMES = ("input->m0", "input->m1", "m0->m1", "input->logits", "m0->logits", "m1->logits")

SMALL = Graph(ModelShape(2, 2, 8, 4, 11, 16, d_mlp=8))
"""Two layers of two heads and an MLP."""

GPT2 = Graph(ModelShape(12, 12, 768, 64, 50257, 1024, d_mlp=3072))
"""GPT-2 small's."""


def chosen(graph: Graph, *names: str) -> Mask:
    """The set of these edges."""
    edges = edges_of(graph)
    return edges.mask(edges.index[name] for name in names)


def names_of(edges: Edges, mask: Mask) -> list[str]:
    """The names of a set's edges."""
    return [name for name, inside in zip(edges.names, mask, strict=True) if inside]

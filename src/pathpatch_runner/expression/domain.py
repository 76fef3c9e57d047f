"""What a variable of `over:` ranges over: nodes, streams, slots or positions.

A *value* is one of: a node index, a `Stream`, a slot name, a `Position`. What a variable ranges
over is said by its place in the expression: `s<x@p>` has a node (or stream) `s`, a slot `x` and
a position `p`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from pathpatch_runner.expression.ast import Position
from pathpatch_runner.graph import Graph


@dataclass(frozen=True)
class Stream:
    """The residual stream that `layer` reads; `n_layers`: what the logits read. `below`: the
    nodes that write to it."""

    layer: int
    below: frozenset[int]

    def __str__(self) -> str:
        return f"r{self.layer}"


Value = int | str | Position | Stream


class Kind(Enum):
    """What a variable ranges over; its value is how messages call one."""

    node = "a node"
    stream = "a stream"
    slot = "a slot"
    position = "a position"


@dataclass(frozen=True)
class Domain:
    """The values of a variable: distinct, at least one, in the order of the tables' rows."""

    kind: Kind
    values: tuple[Value, ...]


Binding = Mapping[str, tuple[Value, ...]]
"""Values by variable: one, or all of those it stands for together."""


def nodes_domain(nodes: Iterable[int]) -> Domain:
    """A variable over nodes."""
    return Domain(Kind.node, tuple(sorted(nodes)))


def stream(layer: int, graph: Graph) -> Stream:
    """`layer` from 0 to `n_layers`."""
    below = (node for node in range(graph.logits) if graph.nodes[node].layer < layer)
    return Stream(layer, frozenset(below))


def value_text(value: Value, graph: Graph) -> str:
    """As tables show it, and as it is written in an expression."""
    return graph.nodes[value].name if isinstance(value, int) else str(value)

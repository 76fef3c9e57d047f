"""Single paths: one chain of steps from `input` to `logits`, as a route and as text."""

from __future__ import annotations

from pathpatch_runner.expression.ast import Route, StepPattern, Steps
from pathpatch_runner.graph import Graph

SinglePath = tuple[tuple[int, int], ...]
"""(node index, slot index) from `input` to `logits`, as in `Alphabet.steps`."""


def step_text(node: int, slot: int | None, graph: Graph) -> str:
    """`a0.h3<v>`, `m1`; without `slot` any: `a0.h3`."""
    one = graph.nodes[node]
    name = one.slots[slot] if slot is not None and one.slots else ""
    return f"{one.name}<{name}>" if name else one.name


def step_of(node: int, slot: int | None, graph: Graph) -> Steps:
    """The step set of one step; without `slot` of any slot of the node."""
    name = graph.nodes[node].slots[slot] if slot is not None and graph.nodes[node].slots else ""
    return Steps((StepPattern(frozenset({node}), frozenset({name}) if name else None),))


def single_text(path: SinglePath, graph: Graph) -> str:
    """The canonical text: `input->a0.h3<v>->m1->logits`."""
    return "->".join(step_text(node, slot, graph) for node, slot in path)


def single_route(path: SinglePath, graph: Graph) -> Route:
    """The route that only this path matches."""
    steps = tuple(step_of(node, slot, graph) for node, slot in path)
    return Route(steps, (None,) * (len(steps) - 1))

"""Labels at the right border of the layers of a model, each on the height of its node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pathpatch_runner.report.figures.layers import Layout, label
from pathpatch_runner.report.text import visible

LETTER = 5.6
"""Pixels that a letter of a label takes."""


@dataclass(frozen=True)
class Label:
    """What stands on the height of the layer of `node`."""

    node: int
    text: str
    shade: str


def written(layout: Layout, labels: Sequence[Label]) -> tuple[list[str], float]:
    """The labels, those of one height one after the other; and how far to the right they reach."""
    reached: dict[float, float] = {}
    parts = []
    for each in labels:
        y = _height(layout, each.node)
        x = reached.get(y, layout.border + 4)
        parts.append(label(x, y + 3.5, "start", visible(each.text), each.shade))
        reached[y] = x + LETTER * (len(each.text) + 1.5)
    return parts, max(reached.values(), default=0.0)


def _height(layout: Layout, number: int) -> float:
    """One for all nodes of a layer, though its MLP stands above its heads."""
    node = layout.graph.nodes[number]
    return layout.line(node.layer) if node.layer >= 0 else layout.place(number)[1]

"""What a search found on the grid of a model: its edges, as strong as what comes in through them.

Orange edges work for the clean behaviour, blue ones against it; the strongest has the full width.
At the right border stand the heads of each layer that are on a path, with the slots that paths
enter through. `input` and `logits` are the bars below and above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, NodeKind
from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.figures.labels import Label, written
from pathpatch_runner.report.figures.layers import Layout, drawing, ground, node_shape
from pathpatch_runner.report.figures.steps import label_of
from pathpatch_runner.report.figures.theme import colour
from pathpatch_runner.report.text import visible


@dataclass(frozen=True)
class FoundEdge:
    """`slots`: of the reader, as an expression has them ("k", "v@S1"), "" for none. `weight`: 0 to
    1, of the largest effect found; `said`: its numbers."""

    writer: int
    reader: int
    slots: str
    weight: float
    helps: bool
    said: str

    @property
    def ends(self) -> tuple[int, int, str]:
        """What it is, whatever its effect."""
        return self.writer, self.reader, self.slots


def first_edge(path: str, graph: Graph) -> tuple[int, int, str] | None:
    """(writer, reader, slots of the reader) of the edge that a tail of a path begins with; None for
    one that begins at the slot of a reader, which has no writer yet."""
    route = read_route(path, Scope(graph))
    if len(route.sets) < 2:
        return None
    writer, reader = route.sets[0].patterns[0], route.sets[1].patterns[0]
    if writer.slots is not None:
        return None
    return min(writer.nodes), min(reader.nodes), label_of(reader)


def found_paths(edges: Sequence[FoundEdge], graph: Graph, about: str) -> Figure:
    """The drawing. `edges`: the strongest last, so that it lies on top."""
    layout = Layout.of(graph)
    parts = [*ground(layout)]
    for edge in edges:
        parts.append(_line(layout, edge))
    parts += _nodes(layout, edges)
    labels, reach = written(layout, _labels(layout, edges))
    return drawing(layout, parts + labels, about, reach)


def _line(layout: Layout, edge: FoundEdge) -> str:
    x1, y1, x2, y2 = layout.ends(edge.writer, edge.reader)
    names = [layout.graph.nodes[node].name for node in (edge.writer, edge.reader)]
    slots = f"<{edge.slots}>" if edge.slots else ""
    title = escape(visible(f"{names[0]}->{names[1]}{slots}: {edge.said}"))
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour("helps" if edge.helps else "hurts")}" '
        f'stroke-width="{0.8 + 2.7 * edge.weight:.2f}" '
        f'stroke-opacity="{0.45 + 0.5 * edge.weight:.2f}"><title>{title}</title></line>'
    )


def _nodes(layout: Layout, edges: Sequence[FoundEdge]) -> Iterator[str]:
    ends = (0, layout.graph.logits)
    for node in sorted({node for edge in edges for node in (edge.writer, edge.reader)}):
        shade = colour("soft" if node in ends else "ink")
        yield node_shape(layout, node, shade, shade, 0.95)


def _labels(layout: Layout, edges: Sequence[FoundEdge]) -> list[Label]:
    """A label for each node in a layer, from left to right."""
    slots: dict[int, dict[str, None]] = {}
    for edge in edges:
        slots.setdefault(edge.writer, {})
        found = slots.setdefault(edge.reader, {})
        if edge.slots:
            found[edge.slots] = None
    inside = [node for node in slots if layout.graph.nodes[node].layer >= 0]
    labels = []
    for node in sorted(inside, key=lambda node: layout.place(node)[0]):
        entered = ",".join(sorted(slots[node]))
        text = f"{_short(layout, node)} {entered}".rstrip()
        labels.append(Label(node, text, colour("ink")))
    return labels


def _short(layout: Layout, number: int) -> str:
    """Without its layer, in which it stands: "h3", "MLP"."""
    node = layout.graph.nodes[number]
    if node.kind is NodeKind.mlp:
        return "MLP"
    return f"h{node.head}" if node.head >= 0 else "attn"

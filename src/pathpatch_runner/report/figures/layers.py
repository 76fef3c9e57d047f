"""The layers of a model as SVG: where each node stands, its outline, and the drawing around it.

Layers go up, the heads and the MLP of each across. No library draws this, so it is SVG of our own:
pure text made of numbers and escaped names. What is drawn on it: `paths`, `grid`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

from pathpatch_runner.expression.ast import StepPattern
from pathpatch_runner.graph import Graph, Node, NodeKind
from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.figures.theme import FONT, colour
from pathpatch_runner.report.text import visible

LEFT, TOP, RIGHT, BOTTOM = 38, 10, 12, 12
FAINT = 0.5


@dataclass(frozen=True)
class Layout:
    """Where a node stands, in pixels."""

    graph: Graph
    step_x: float
    step_y: float

    @classmethod
    def of(cls, graph: Graph) -> Layout:
        layers = max(graph.shape.n_layers, 1)
        columns = graph.shape.n_heads + 1
        return cls(
            graph, min(26.0, max(9.0, 300 / columns)), min(64.0, max(11.0, 300 / (layers + 1)))
        )

    @property
    def columns(self) -> int:
        shape = self.graph.shape
        return (shape.n_heads if shape.separable_heads else 1) + (0 if shape.attn_only else 1)

    @property
    def border(self) -> float:
        """The right end of the grid."""
        return LEFT + self.step_x * self.columns

    @property
    def width(self) -> float:
        """Without labels."""
        return self.border + RIGHT

    @property
    def height(self) -> float:
        return TOP + self.step_y * (self.graph.shape.n_layers + 1) + BOTTOM

    def place(self, node: int) -> tuple[float, float]:
        """Layer 0 is lowest, `input` below it, `logits` above all."""
        each = self.graph.nodes[node]
        middle = LEFT + self.step_x * self.columns / 2
        if each.kind is NodeKind.input:
            return middle, self.line(-1)
        if each.kind is NodeKind.logits:
            return middle, self.line(self.graph.shape.n_layers)
        lift = self.step_y * 0.22 if each.kind is NodeKind.mlp else 0.0
        return LEFT + self.step_x * (self.column(each) + 0.5), self.line(each.layer) - lift

    def column(self, node: Node) -> int:
        """Of a head or an MLP; MLPs stand in the last."""
        return self.columns - 1 if node.kind is NodeKind.mlp else max(node.head, 0)

    def line(self, layer: int) -> float:
        """The height of a layer."""
        return TOP + self.step_y * (self.graph.shape.n_layers - layer)

    def ends(self, writer: int, reader: int) -> tuple[float, float, float, float]:
        """x and y of both ends of a line. From `input` and to `logits`, which are as wide as the
        grid, it is upright."""
        (x1, y1), (x2, y2) = self.place(writer), self.place(reader)
        if writer == 0:
            x1 = x2
        elif reader == self.graph.logits:
            x2 = x1
        return x1, y1, x2, y2

    def stream(self, below: StepPattern) -> float:
        """Between the layer that reads a stream and the nodes below it."""
        layer = 1 + max(self.graph.nodes[node].layer for node in below.nodes)
        return self.line(layer) + self.step_y * 0.5

    @property
    def size(self) -> float:
        """Radius of a node."""
        return min(self.step_x, self.step_y) * 0.28


def drawing(layout: Layout, parts: Iterable[str], about: str, reach: float = 0.0) -> Figure:
    """A whole picture. `about`: what it shows; `reach`: how far to the right its labels go."""
    width, height = max(layout.width, reach), layout.height
    return Figure(
        about,
        drawn=f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="{escape(visible(about))}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONT}" font-size="10px">'
        f"{''.join(parts)}</svg>",
    )


def ground(layout: Layout) -> Iterator[str]:
    """Every node as an outline, layers numbered."""
    shape = layout.graph.shape
    soft = colour("soft")
    for layer in range(shape.n_layers):
        if shape.n_layers <= 16 or layer % 5 == 0 or layer == shape.n_layers - 1:
            yield label(LEFT - 8, layout.line(layer) + 3, "end", str(layer), soft)
    yield label(LEFT - 8, layout.line(-1) + 3, "end", "input", soft)
    yield label(LEFT - 8, layout.line(shape.n_layers) + 3, "end", "logits", soft)
    for number in range(len(layout.graph.nodes)):
        yield node_shape(layout, number, "none", colour("line"))


def node_shape(layout: Layout, number: int, fill: str, stroke: str, opacity: float = 1.0) -> str:
    """Heads are discs, MLPs squares, `input` and `logits` bars."""
    x, y = layout.place(number)
    size = layout.size
    node = layout.graph.nodes[number]
    faint = ' stroke-opacity="0.4"' if opacity < FAINT else ""
    style = f'fill="{fill}" stroke="{stroke}" fill-opacity="{opacity}"{faint}'
    title = f"<title>{node.name}</title>" if fill != "none" else ""
    if node.kind in (NodeKind.input, NodeKind.logits):
        half = layout.step_x * layout.columns / 2
        return (
            f'<rect x="{x - half:.1f}" y="{y - size / 2:.1f}" width="{2 * half:.1f}" '
            f'height="{size:.1f}" rx="2" {style}>{title}</rect>'
        )
    if node.kind is NodeKind.mlp:
        return (
            f'<rect x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size:.1f}" '
            f'height="{2 * size:.1f}" {style}>{title}</rect>'
        )
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" {style}>{title}</circle>'


def label(x: float, y: float, anchor: str, text: str, shade: str) -> str:
    """`anchor`: which part of the text is at x: "start" or "end"."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{shade}">{escape(text)}</text>'
    )

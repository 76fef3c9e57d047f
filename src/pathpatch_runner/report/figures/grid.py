"""A path set on the layers x nodes of a model, as SVG: how many paths take each node and edge.

The darker a node, the more of the paths pass it; lines are the edges that most paths take. What an
expression says, step by step, is drawn by `paths`; this is what it amounts to on a model.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pathpatch_runner.expression.count import count_text
from pathpatch_runner.expression.grid import PathGrid
from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.figures.layers import Layout, drawing, ground, node_shape
from pathpatch_runner.report.figures.theme import SERIES, colour

MOST_EDGES = 300
"""Lines drawn at most: the edges that most paths take."""


def grid_figure(grid: PathGrid, about: str) -> Figure:
    """The drawing. `about`: what it shows, such as the expression."""
    layout = Layout.of(grid.graph)
    shade = colour(SERIES[0])
    parts = [*ground(layout), *_edges(layout, grid, shade), *_nodes(layout, grid, shade)]
    return drawing(layout, parts, about)


def _nodes(layout: Layout, grid: PathGrid, shade: str) -> Iterator[str]:
    for node, count in enumerate(grid.through):
        if count:
            opacity = 0.15 + 0.85 * grid.share(node)
            yield f"<g><title>{grid.graph.nodes[node].name}: {count_text(count)}</title>"
            yield node_shape(layout, node, shade, shade, round(opacity, 3)) + "</g>"


def _edges(layout: Layout, grid: PathGrid, shade: str) -> Iterator[str]:
    most = np.argsort(grid.edges, axis=None, kind="stable")[::-1][:MOST_EDGES]
    for number in most.tolist():
        writer, reader = divmod(number, len(grid.edges))
        share = float(grid.edges[writer, reader])
        if not share:
            return
        x1, y1, x2, y2 = layout.ends(writer, reader)
        yield (
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{shade}" '
            f'stroke-width="{0.4 + 1.6 * share:.2f}" stroke-opacity="{0.15 + 0.75 * share:.2f}"/>'
        )

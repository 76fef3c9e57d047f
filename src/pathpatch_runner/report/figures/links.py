"""Lines of a drawing of path sets: from step to step, and across for streams.

A direct link is a line from node to node, or a band where there would be many; one through other
nodes is dashed. A sender that is not `input` carries everything that reached it: dashed from
`input`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pathpatch_runner.expression.ast import Route, Steps
from pathpatch_runner.expression.canonical import step_atoms
from pathpatch_runner.report.figures.layers import LEFT, Layout, label
from pathpatch_runner.report.figures.steps import EVERYTHING, nodes_of
from pathpatch_runner.report.text import visible

MOST_LINES = 24
"""Lines between two steps up to which each is drawn."""
MOST_SENDERS = 6


def streams(layout: Layout, route: Route, shade: str, shift: float) -> Iterator[str]:
    """A line across for each stream of the route."""
    for steps in route.sets:
        if steps.crossing:
            y = layout.stream(steps.patterns[0]) + shift
            x = layout.border
            yield (
                f'<line x1="{LEFT}" y1="{y:.1f}" x2="{x:.1f}" y2="{y:.1f}" stroke="{shade}" '
                f'stroke-width="1.4"/>'
            )
            text = " ".join(step_atoms(steps, layout.graph))
            yield label(x + 3, y + 3.5, "start", visible(text), shade)


def links(layout: Layout, route: Route, shade: str, shift: float) -> Iterator[str]:
    """A sender carries everything that reached it: dashed from `input`."""
    sets = [nodes_of(layout.graph, steps) for steps in route.sets]
    if 0 not in sets[0] and len(sets[0]) <= MOST_SENDERS:
        for sender in sets[0]:
            yield from _link(layout, [0], [sender], EVERYTHING, shade, shift)
    for number, through in enumerate(route.links):
        yield from _link(layout, sets[number], sets[number + 1], through, shade, shift)


def _link(
    layout: Layout,
    start: Sequence[int],
    end: Sequence[int],
    through: Steps | None,
    shade: str,
    shift: float,
) -> Iterator[str]:
    """Lines between all nodes that can follow each other, or one band for many."""
    graph = layout.graph
    ends = [(a, b) for a in start for b in end if graph.stage_of[a] < graph.stage_of[b]]
    dashes = "" if through is None else ' stroke-dasharray="4 3"'
    many = len(ends) > MOST_LINES
    if many:
        ends = _outline(layout, start, end)
    for a, b in ends:
        x1, y1, x2, y2 = layout.ends(a, b)
        yield (
            f'<line x1="{x1 + shift:.1f}" y1="{y1:.1f}" x2="{x2 + shift:.1f}" y2="{y2:.1f}" '
            f'stroke="{shade}" stroke-width="{0.8 if many else 1.4}" '
            f'stroke-opacity="{0.5 if many else 0.85}"{dashes}/>'
        )


def _outline(layout: Layout, start: Sequence[int], end: Sequence[int]) -> list[tuple[int, int]]:
    """Of many links those at the borders: leftmost and rightmost of both ends."""

    def sides(nodes: Sequence[int]) -> tuple[int, int]:
        ordered = sorted(nodes, key=lambda node: layout.place(node)[0])
        return ordered[0], ordered[-1]

    return list(dict.fromkeys(zip(sides(start), sides(end), strict=True)))

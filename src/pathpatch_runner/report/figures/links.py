"""Lines of a drawing of path sets: from step to step, and across for streams.

A direct link is a line from node to node, or the area that they take where there would be many
(`bands`); one through other nodes is dashed. A sender that is not `input` carries everything that
reached it: dashed from `input`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pathpatch_runner.expression.ast import Route, Steps
from pathpatch_runner.expression.canonical import step_atoms
from pathpatch_runner.report.figures.bands import bands
from pathpatch_runner.report.figures.labels import LETTER
from pathpatch_runner.report.figures.layers import LEFT, Layout, label
from pathpatch_runner.report.figures.steps import EVERYTHING, nodes_of
from pathpatch_runner.report.text import visible

MOST_LINES = 24
"""Lines between two steps up to which each is drawn."""
MOST_SENDERS = 6


def streams(layout: Layout, route: Route, shade: str, shift: float) -> tuple[list[str], float]:
    """A line across for each stream of the route; and how far to the right its label reaches."""
    parts, reach = [], 0.0
    for steps in route.sets:
        if steps.crossing:
            y = layout.stream(steps.patterns[0]) + shift
            x = layout.border
            parts.append(
                f'<line x1="{LEFT}" y1="{y:.1f}" x2="{x:.1f}" y2="{y:.1f}" stroke="{shade}" '
                f'stroke-width="1.4"/>'
            )
            text = visible(_stream_text(step_atoms(steps, layout.graph)))
            parts.append(label(x + 3, y + 3.5, "start", text, shade))
            reach = max(reach, x + 3 + LETTER * (len(text) + 1.5))
    return parts, reach


def _stream_text(atoms: Sequence[str]) -> str:
    """Of a stream at several positions one name: "r1@S1,end"."""
    stream = atoms[0].partition("@")[0]
    places = [place for atom in atoms if (place := atom.partition("@")[2])]
    return f"{stream}@{','.join(places)}" if places else stream


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
    """Lines between all nodes that can follow each other, or the areas that many lines take."""
    graph = layout.graph
    pairs = [(a, b) for a in start for b in end if graph.stage_of[a] < graph.stage_of[b]]
    outer = [pair for pair in pairs if 0 in pair or graph.logits in pair]
    inner = [pair for pair in pairs if pair not in set(outer)]
    dashes = "" if through is None else ' stroke-dasharray="4 3"'
    if len(inner) > MOST_LINES:
        yield from bands(layout, inner, shade, shift, dashes)
        inner = []
    width, opacity = (1.0, 0.55) if len(outer) > MOST_LINES else (1.4, 0.85)
    for a, b in [*inner, *_upright(layout, outer)]:
        x1, y1, x2, y2 = layout.ends(a, b)
        yield (
            f'<line x1="{x1 + shift:.1f}" y1="{y1:.1f}" x2="{x2 + shift:.1f}" y2="{y2:.1f}" '
            f'stroke="{shade}" stroke-width="{width}" stroke-opacity="{opacity}"{dashes}/>'
        )


def _upright(layout: Layout, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of lines from `input` and to `logits`, which stand upright, the longest of each column: it
    covers the others."""
    longest: dict[tuple[float, bool], tuple[int, int]] = {}
    for a, b in pairs:
        x, y1, _, y2 = layout.ends(a, b)
        there = longest.get((x, a == 0))
        if there is None or y1 - y2 > _length(layout, there):
            longest[x, a == 0] = a, b
    return list(longest.values())


def _length(layout: Layout, pair: tuple[int, int]) -> float:
    _, y1, _, y2 = layout.ends(*pair)
    return y1 - y2

"""Path sets on the grid of a model: layers up, the heads and the MLP of each layer across.

Drawn is what an expression says, not each of its paths, of which there may be billions: the nodes
of every step are filled, a direct link is a line from node to node (or a band, where there would
be many), a link through other nodes is dashed. Letters beside a receiver are its slots, with the
position read, `@` is the position written. A stream (`r5@S1`) is a line across, below the layer
that reads it. Each entry has a colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pathpatch_runner.expression.ast import Route, StepPattern, Steps
from pathpatch_runner.expression.canonical import step_atoms
from pathpatch_runner.graph import Graph
from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.figures.layers import LEFT, Layout, drawing, ground, label, node_shape
from pathpatch_runner.report.figures.theme import SERIES, colour
from pathpatch_runner.report.text import visible

LETTER = 5.6
"""Pixels that a letter of a label takes."""
MOST_LINES = 24
"""Lines between two steps up to which each is drawn."""
Routes = Sequence[Route]
"""The expressions of one entry."""

MOST_SENDERS = 6
EVERYTHING = Steps(())
SHIFT = 2.5
"""Pixels between the lines of two expressions that run beside each other."""


def paths(entries: Mapping[str, Routes], graph: Graph, about: str) -> Figure:
    """One drawing of the path sets of a hypothesis' entries, a colour each (`entry_colours`).
    `about`: what it shows, such as its expressions."""
    layout = Layout.of(graph)
    shades = entry_colours(entries)
    parts = [*ground(layout)]
    for number, (entry, shade) in enumerate(shades.items()):
        for route in entries[entry]:
            parts += _streams(layout, route, shade, number * SHIFT)
    entries = {entry: [_without_streams(route) for route in entries[entry]] for entry in entries}
    for number, (entry, shade) in enumerate(shades.items()):
        for route in entries[entry]:
            parts += _links(layout, route, shade, number * SHIFT)
    parts += _filled(layout, entries, shades)
    labels, reach = _labels(layout, entries, shades)
    parts += labels
    width, height = max(layout.width, reach), layout.height
    return drawing(about, width, height, parts)


def entry_colours(entries: Iterable[str]) -> dict[str, str]:
    """The colour in which each entry of a hypothesis is drawn."""
    return {entry: colour(SERIES[i % len(SERIES)]) for i, entry in enumerate(entries)}


def _streams(layout: Layout, route: Route, shade: str, shift: float) -> Iterator[str]:
    """A line across for each stream of the route."""
    for steps in route.sets:
        if steps.crossing:
            y = layout.stream(steps.patterns[0]) + shift
            x = LEFT + layout.step_x * layout.columns
            yield (
                f'<line x1="{LEFT}" y1="{y:.1f}" x2="{x:.1f}" y2="{y:.1f}" stroke="{shade}" '
                f'stroke-width="1.4"/>'
            )
            text = " ".join(step_atoms(steps, layout.graph))
            yield label(x + 3, y + 3.5, "start", visible(text), shade)


def _without_streams(route: Route) -> Route:
    """The route's steps alone; the links on both sides of a stream become one."""
    sets: list[Steps] = []
    links: list[Steps | None] = []
    waiting: list[Steps | None] = []
    for steps, link in zip(route.sets, [*route.links, None], strict=True):
        if steps.crossing and not sets:
            sets.append(Steps((StepPattern(frozenset({0})),)))
            waiting = [EVERYTHING]
        elif not steps.crossing:
            if sets:
                links.append(next((each for each in waiting if each is not None), None))
            sets.append(steps)
            waiting = []
        waiting.append(link)
    return Route(tuple(sets), tuple(links))


def _links(layout: Layout, route: Route, shade: str, shift: float) -> Iterator[str]:
    """A sender carries everything that reached it: dashed from `input`."""
    sets = [_nodes(layout.graph, steps) for steps in route.sets]
    if 0 not in sets[0] and len(sets[0]) <= MOST_SENDERS:
        for sender in sets[0]:
            yield from _link(layout, [0], [sender], EVERYTHING, shade, shift)
    for number, through in enumerate(route.links):
        yield from _link(layout, sets[number], sets[number + 1], through, shade, shift)


def _filled(
    layout: Layout, entries: Mapping[str, Routes], shades: Mapping[str, str]
) -> Iterator[str]:
    """Nodes of all steps, above the links. One of several entries has no entry's colour."""
    owners: dict[int, set[str]] = {}
    faint: dict[int, bool] = {}
    for entry, path_set in entries.items():
        for route in path_set:
            for steps in route.sets:
                nodes = _nodes(layout.graph, steps)
                for node in nodes:
                    owners.setdefault(node, set()).add(shades[entry])
                    many = len(nodes) > 0.5 * len(layout.graph.nodes)
                    faint[node] = faint.get(node, True) and many
    for node, used in sorted(owners.items()):
        end = node in (0, layout.graph.logits)
        shade = colour("soft") if end else next(iter(used)) if len(used) == 1 else colour("ink")
        yield node_shape(layout, node, shade, shade, 0.3 if faint[node] else 0.95)


def _nodes(graph: Graph, steps: Steps) -> list[int]:
    """All nodes that a step may be at, lowest first."""
    named = {node for pattern in steps.patterns for node in pattern.nodes}
    if steps.negated:
        partly = {n for p in steps.patterns if _constrained(p) for n in p.nodes}
        return [n for n in range(1, graph.logits) if n not in named or n in partly]
    return sorted(named)


def _constrained(pattern: StepPattern) -> bool:
    return any((pattern.slots, pattern.write, pattern.read, pattern.back))


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
        (x1, y1), (x2, y2) = layout.place(a), layout.place(b)
        if a == 0:
            x1 = x2
        if b == graph.logits:
            x2 = x1 if a else x2
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


def _labels(
    layout: Layout, entries: Mapping[str, Routes], shades: Mapping[str, str]
) -> tuple[list[str], float]:
    """Slots and positions beside the rightmost node of each step but the first, those of one
    node one after the other; and how far to the right they reach."""
    said: dict[int, dict[tuple[str, str], None]] = {}
    for entry, path_set in entries.items():
        for steps in (steps for route in path_set for steps in route.sets[1:]):
            nodes = _nodes(layout.graph, steps)
            text = " ".join(filter(None, dict.fromkeys(map(_constraint, steps.patterns))))
            if text and nodes:
                last = max(nodes, key=lambda node: layout.place(node)[0])
                said.setdefault(last, {})[text, shades[entry]] = None
    parts: list[str] = []
    reach = 0.0
    for node, labels in said.items():
        x, y = layout.place(node)
        if node == layout.graph.logits:
            x += layout.step_x * layout.columns / 2
        x += layout.size + 3
        for text, shade in labels:
            parts.append(label(x, y + 3.5, "start", visible(text), shade))
            x += LETTER * (len(text) + 1)
        reach = max(reach, x)
    return parts, reach


def _constraint(pattern: StepPattern) -> str:
    """As an expression has it: "k", "v~1", "q@S1 @end"."""
    slots = "" if pattern.slots is None else ",".join(sorted(pattern.slots, key="qkv".find))
    if pattern.read is not None:
        slots += f"@{pattern.read}"
    if pattern.back is not None:
        least, most = pattern.back
        slots += f"~{least}" if least == most else f"~{least}-{most}"
    return " ".join(filter(None, (slots, "" if pattern.write is None else f"@{pattern.write}")))

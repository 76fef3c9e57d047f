"""Path sets on the grid of a model.

Drawn is what an expression says, not each of its paths, of which there may be billions: the nodes
of every step are filled, `links` joins them. Letters at the right border are the slots of the
receivers on that height, with the position read; `@` is the position written. A stream (`r5@S1`)
is a line across, below the layer that reads it. Each entry has a colour.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from pathpatch_runner.expression.ast import Route
from pathpatch_runner.graph import Graph, NodeKind
from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.figures.labels import Label, written
from pathpatch_runner.report.figures.layers import Layout, drawing, ground, node_shape
from pathpatch_runner.report.figures.links import links, streams
from pathpatch_runner.report.figures.steps import label_of, nodes_of, without_streams
from pathpatch_runner.report.figures.theme import SERIES, colour

SHIFT = 2.5
"""Pixels at most between the lines of two entries that run beside each other."""
Routes = Sequence[Route]
"""The expressions of one entry."""


def paths(entries: Mapping[str, Routes], graph: Graph, about: str) -> Figure:
    """One drawing of the path sets of a hypothesis' entries, a colour each (`entry_colours`).
    `about`: what it shows, such as its expressions."""
    layout = Layout.of(graph)
    shades = entry_colours(entries)
    parts, widest = [*ground(layout)], 0.0
    shifts = _shifts(layout, entries)
    for entry, shade in shades.items():
        for route in entries[entry]:
            across, reach = streams(layout, route, shade, shifts[entry])
            parts, widest = [*parts, *across], max(widest, reach)
    entries = {entry: [without_streams(route) for route in entries[entry]] for entry in entries}
    for entry, shade in shades.items():
        for route in entries[entry]:
            parts += links(layout, route, shade, shifts[entry])
    parts += _filled(layout, entries, shades)
    labels, reach = written(layout, _labels(layout, entries, shades))
    return drawing(layout, parts + labels, about, max(reach, widest))


def _shifts(layout: Layout, entries: Collection[str]) -> dict[str, float]:
    """How far to the right the lines of each entry run of a node's middle; all within the node."""
    step = min(SHIFT, 1.6 * layout.size / max(len(entries) - 1, 1))
    return {entry: (i - (len(entries) - 1) / 2) * step for i, entry in enumerate(entries)}


def entry_colours(entries: Iterable[str]) -> dict[str, str]:
    """The colour in which each entry of a hypothesis is drawn."""
    return {entry: colour(SERIES[i % len(SERIES)]) for i, entry in enumerate(entries)}


def _filled(
    layout: Layout, entries: Mapping[str, Routes], shades: Mapping[str, str]
) -> Iterator[str]:
    """Nodes of all steps, above the links. One of several entries has no entry's colour."""
    owners: dict[int, set[str]] = {}
    faint: dict[int, bool] = {}
    for entry, path_set in entries.items():
        for route in path_set:
            for steps in route.sets:
                nodes = nodes_of(layout.graph, steps)
                for node in nodes:
                    owners.setdefault(node, set()).add(shades[entry])
                    many = len(nodes) > 0.5 * len(layout.graph.nodes)
                    faint[node] = faint.get(node, True) and many
    for node, used in sorted(owners.items()):
        end = node in (0, layout.graph.logits)
        shade = colour("soft") if end else next(iter(used)) if len(used) == 1 else colour("ink")
        yield node_shape(layout, node, shade, shade, 0.3 if faint[node] else 0.95)


def _labels(
    layout: Layout, entries: Mapping[str, Routes], shades: Mapping[str, str]
) -> list[Label]:
    """Slots and positions of each step but the first, at its rightmost node, left to right."""
    found: dict[Label, None] = {}
    for entry, path_set in entries.items():
        for steps in (steps for route in path_set for steps in route.sets[1:]):
            nodes = nodes_of(layout.graph, steps)
            text = " ".join(filter(None, dict.fromkeys(map(label_of, steps.patterns))))
            if text and nodes:
                last = max(nodes, key=lambda node: layout.place(node)[0])
                which = _column(layout, last) if len(nodes) == 1 else ""
                found[Label(last, which + text, shades[entry])] = None
    return sorted(found, key=lambda each: layout.place(each.node)[0])


def _column(layout: Layout, number: int) -> str:
    """Of a single node that does not stand at the border, which one it is: "h6 "."""
    node = layout.graph.nodes[number]
    if node.kind is not NodeKind.head or layout.column(node) == layout.columns - 1:
        return ""
    return f"h{node.head} "

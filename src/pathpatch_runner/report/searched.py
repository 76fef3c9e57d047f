"""A search in sentences and on the grid of the model: what it found, and what its rows are."""

from __future__ import annotations

from collections.abc import Iterator

from pathpatch_runner.report.drawings import graph_of
from pathpatch_runner.report.figures import Figure
from pathpatch_runner.report.figures.found import FoundEdge, first_edge, found_paths
from pathpatch_runner.report.found_tree import PRUNED, said, sentences
from pathpatch_runner.report.rows import Row, Section, full_name, rows_of
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import percent

MOST_FOUND = 300
"""Tails that a page shows, in the tree and in the drawing."""
MOST_NAMED = 4
MEANINGS = {
    "found": "the complete paths, from the input to the logits, together",
    "found_kept": "all that was kept: complete paths, and tails that nothing significant continues",
    "found_rest": "all paths but `found`",
    "found_kept_rest": "all paths but `found_kept`",
}
"""Hypotheses that a search adds."""


def search_sentences(view: RunView) -> list[str]:
    """What the search came to; none for a run without one."""
    if not view.search:
        return []
    first, *rest = (f"{line[0].upper()}{line[1:]}." for line in sentences(view.search))
    return [" ".join(filter(None, (first, _largest(view)))), *rest]


def _largest(view: RunView) -> str:
    """What goes into the logits and passed, the largest first."""
    table = view.table("found")
    passed = [
        row
        for row in (rows_of(table) if table is not None else ())
        if row.get("status") != PRUNED and not row.get("parent") and row.get("normalised_effect")
    ]
    ranked = sorted(passed, key=lambda row: -abs(row["normalised_effect"]))[:MOST_NAMED]
    names = [f"`{row['path']}` {percent(row['normalised_effect'])}" for row in ranked]
    return f"Into the logits: {', '.join(names)} of the total effect." if names else ""


def meanings(part: Section) -> list[str]:
    """What the hypotheses are that nobody wrote, for those that have rows."""
    names = dict.fromkeys(row["hypothesis"] for row in part.others)
    return [f"`{name}`: {MEANINGS[name]}" for name in names if name in MEANINGS]


def name_of(row: Row) -> str:
    """A row among those of a run; entries that a search wrote go by their paths, not by "p3"."""
    if row["unit"] == "path" and row["hypothesis"] in MEANINGS:
        return str(row["path"])
    return full_name(row)


def found_drawing(view: RunView) -> Figure | None:
    """Every edge that a tail of a path was continued by; None where nothing was found, or the shape
    is not recorded."""
    graph, table = graph_of(view), view.table("found")
    if graph is None or table is None or "path" not in table.column_names:
        return None
    rows = [row for row in rows_of(table) if row.get("status") != PRUNED][:MOST_FOUND]
    strongest: dict[tuple[int, int, str], FoundEdge] = {}
    for edge in _edges(view, rows):
        there = strongest.get(edge.ends)
        if there is None or there.weight < edge.weight:
            strongest[edge.ends] = edge
    edges = sorted(strongest.values(), key=lambda edge: edge.weight)
    about = f"Paths found, on the layers of the model: {len(edges)} edges. The tree says each."
    return found_paths(edges, graph, about) if edges else None


def _edges(view: RunView, rows: list[Row]) -> Iterator[FoundEdge]:
    """Of each tail the edge that it begins with."""
    graph = graph_of(view)
    assert graph is not None
    known = [row for row in rows if row.get("effect_mean") is not None]
    largest = max((abs(row["effect_mean"]) for row in known), default=0.0)
    for row in known if largest else ():
        ends = first_edge(str(row["path"]), graph)
        if ends is None:
            continue
        numbers = ", ".join(filter(None, said(row)))
        weight = abs(row["effect_mean"]) / largest
        yield FoundEdge(*ends, weight, _helps(view, row), numbers)


def _helps(view: RunView, row: Row) -> bool:
    """By the total effect on the metric and in the direction of the search."""
    for part in view.sections:
        if (part.metric, part.direction) == (row.get("metric"), row.get("direction")):
            return part.helps(row["effect_mean"])
    share = row.get("normalised_effect")
    return bool(share is None or share >= 0)

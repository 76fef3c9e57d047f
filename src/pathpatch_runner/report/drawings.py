"""Paths on the grid of the model of a run: those of each hypothesis, drawn from its manifest alone,
and those that a search found, from its table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import product
from typing import Any

from pathpatch_runner.config import PathConfig
from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.expression.ast import Position, Route
from pathpatch_runner.expression.domain import Binding, Stream, Value
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis.entry import read_entry
from pathpatch_runner.hypothesis.nodes import read_groups
from pathpatch_runner.report.figures import Figure, FoundEdge, found_paths, paths
from pathpatch_runner.report.figures.steps import label_of
from pathpatch_runner.report.found_tree import PRUNED, said
from pathpatch_runner.report.rows import rows_of
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import visible

MOST_FOUND = 300
"""Tails that are drawn: as many as the tree of a page has."""


def drawings(view: RunView) -> dict[str, Figure]:
    """By hypothesis; one whose paths cannot be drawn (edge sets, a shape not recorded) is absent.
    The variables of a family stand for all of their values."""
    graph = _graph(view.config.get("shape"))
    if graph is None:
        return {}
    found = {}
    for hypothesis, config in (view.config.get("hypotheses") or {}).items():
        entries = _entries(hypothesis, config, graph)
        if entries:
            texts = "; ".join(_expressions(config))
            about = f"Paths of {visible(hypothesis)}: {visible(texts)}"
            found[hypothesis] = paths(entries, graph, about)
    return found


def found_drawing(view: RunView) -> Figure | None:
    """Every edge that a tail of a path was continued by; None where nothing was found, or the shape
    is not recorded."""
    graph, table = _graph(view.config.get("shape")), view.table("found")
    if graph is None or table is None or "path" not in table.column_names:
        return None
    rows = [row for row in rows_of(table) if row.get("status") != PRUNED][:MOST_FOUND]
    sizes = [abs(row["effect_mean"]) for row in rows if row.get("effect_mean") is not None]
    part, largest = view.sections[0] if view.sections else None, max(sizes, default=0.0)
    edges: dict[tuple[int, int, str], FoundEdge] = {}
    for row in rows:
        effect = row.get("effect_mean")
        ends = _first_edge(str(row["path"]), graph)
        if ends is None or effect is None or not largest:
            continue
        helps = effect < 0 if part is None else part.helps(effect)
        edge = FoundEdge(*ends, abs(effect) / largest, helps, ", ".join(filter(None, said(row))))
        if ends not in edges or edges[ends].weight < edge.weight:
            edges[ends] = edge
    ordered = sorted(edges.values(), key=lambda edge: edge.weight)
    about = f"Paths found, on the layers of the model: {len(ordered)} edges. The tree says each."
    return found_paths(ordered, graph, about) if ordered else None


def _first_edge(path: str, graph: Graph) -> tuple[int, int, str] | None:
    """(writer, reader, slots of the reader) of the edge that a tail begins with; None for one that
    begins with the slot of a reader, which has no writer yet."""
    problems: list[PathPatchError] = []
    read = read_entry("found", PathConfig(expr=path), "found", Scope(graph), problems)
    if read is None or problems:
        return None
    route = read.expressions[0].template.bind({})
    if len(route.sets) < 2:
        return None
    first, second = route.sets[0].patterns[0], route.sets[1].patterns[0]
    if first.slots is not None:
        return None
    return min(first.nodes), min(second.nodes), label_of(second)


def _graph(shape: Mapping[str, Any] | None) -> Graph | None:
    if not shape:
        return None
    known = {field.name for field in dataclasses.fields(ModelShape)}
    return Graph(ModelShape(**{name: value for name, value in shape.items() if name in known}))


def _expressions(config: Mapping[str, Any]) -> list[str]:
    said = [path.get("expr") for path in (config.get("paths") or {}).values()]
    return [
        text
        for expr in said
        for text in (expr if isinstance(expr, list) else [expr])
        if isinstance(text, str)
    ]


def _entries(
    hypothesis: str, config: Mapping[str, Any], graph: Graph
) -> dict[str, tuple[Route, ...]]:
    """What can be read; a run has been checked already, so a problem means another kind of
    entry."""
    problems: list[PathPatchError] = []
    scope = read_groups(config.get("groups") or {}, "groups", Scope(graph), problems)
    found: dict[str, tuple[Route, ...]] = {}
    for entry, path in (config.get("paths") or {}).items():
        said = PathConfig(expr=path.get("expr"), over=path.get("over") or {})
        read = read_entry(entry, said, f"hypotheses.{hypothesis}", scope, problems)
        if read is None:
            continue
        over = path.get("over") or {}
        values = {key: _named(key, over.get(key), each) for key, each in read.values.items()}
        found[entry] = tuple(
            expression.template.bind(bound)
            for expression in read.expressions
            for bound in _by_stream(values)
        )
    return found


def _named(variable: str, said: Any, values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Where a variable is over all positions, which the manifest does not count, its name."""
    return (Position(variable),) if said == "all" and isinstance(values[0], Position) else values


def _by_stream(values: Binding) -> list[Binding]:
    """A step may stand for many nodes at once, but a path crosses each stream by itself."""
    apart = [
        [(value,) for value in each] if isinstance(each[0], Stream) else [each]
        for each in values.values()
    ]
    return [dict(zip(values, bound, strict=True)) for bound in product(*apart)]

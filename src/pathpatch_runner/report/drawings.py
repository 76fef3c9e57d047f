"""The paths of each hypothesis of a run on the grid of its model, drawn from its manifest alone."""

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
from pathpatch_runner.report.figures import Figure, paths
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import visible


def drawings(view: RunView) -> dict[str, Figure]:
    """By hypothesis; one whose paths cannot be drawn (edge sets, a shape not recorded) is absent.
    The variables of a family stand for all of their values."""
    graph = graph_of(view)
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


def graph_of(view: RunView) -> Graph | None:
    """Of the model, from its shape; None where that is not recorded."""
    shape = view.config.get("shape")
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

"""An expression explained: read as an entry of a hypothesis is, with all its checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pathpatch_runner.config import PathConfig
from pathpatch_runner.errors import PathPatchError, raise_together
from pathpatch_runner.explanation.shape import shape_of
from pathpatch_runner.expression.ast import Position
from pathpatch_runner.expression.canonical import node_texts, set_text
from pathpatch_runner.expression.count import draw_paths
from pathpatch_runner.expression.domain import Value, value_text
from pathpatch_runner.expression.grid import PathGrid, path_grid
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.expression.single import single_text
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.entry import Entry, read_entry
from pathpatch_runner.hypothesis.family import matching_bindings
from pathpatch_runner.hypothesis.nodes import read_groups
from pathpatch_runner.hypothesis.union import entry_union
from pathpatch_runner.hypothesis.unmatched import nothing_matches


@dataclass(frozen=True)
class Explanation:
    """`canonical`: the entry as tables have it. `count`: of its paths, exactly; of a family, of all
    bindings together. `paths`: some of them, drawn uniformly, all where there are few. `groups` and
    `variables`: name -> what it stands for. `bindings`, `left_out`: of a family, those that match
    paths and those that do not. `positions`: all that it mentions. `grid`: where the paths lie."""

    graph: Graph
    canonical: str
    count: int
    paths: tuple[str, ...]
    groups: Mapping[str, str]
    variables: Mapping[str, str]
    bindings: int
    left_out: int
    positions: tuple[str, ...]
    grid: PathGrid

    def __str__(self) -> str:
        from pathpatch_runner.explanation.text import explanation_text

        return explanation_text(self)

    @property
    def svg(self) -> str:
        """The grid as an SVG file."""
        from pathpatch_runner.report.figures.grid import grid_figure
        from pathpatch_runner.report.figures.theme import on_any_page

        return on_any_page(grid_figure(self.grid, self.canonical).svg)

    def _repr_svg_(self) -> str:
        return self.svg


def explain(
    expr: str | Sequence[str],
    *,
    model: Any,
    groups: Mapping[str, Any] | None = None,
    over: Mapping[str, Any] | None = None,
    positions: Iterable[str] | None = None,
    n_positions: int | None = None,
    draw: int = 10,
    seed: int = 0,
) -> Explanation:
    """Explain an expression, or several (their union).

    `model`: a name of conf/model, sizes such as "12x12" (layers x heads), a model config, a shape,
    or anything that has one. `groups`, `over`: as in a hypothesis. `positions`: the names that the
    dataset gives (None: any is accepted); `n_positions`: tokens of a prompt, which `all` needs.
    `draw`: how many paths to show. Raises what a run would.
    """
    graph = Graph(shape_of(model))
    problems: list[PathPatchError] = []
    bare = Scope(
        graph,
        position_names=None if positions is None else frozenset(positions),
        lengths=frozenset() if n_positions is None else frozenset({n_positions}),
    )
    scope = read_groups(groups or {}, "groups", bare, problems)
    config = PathConfig(
        expr=list(expr) if not isinstance(expr, str) else expr, over=dict(over or {})
    )
    entry = read_entry("explained", config, "explain", scope, problems)
    raise_together(problems)
    assert entry is not None
    return _explained(entry, scope, draw, seed)


def _explained(entry: Entry, scope: Scope, draw: int, seed: int) -> Explanation:
    graph = scope.graph
    templates = [expression.template for expression in entry.expressions]
    matches = matching_bindings(templates, entry.values, graph)
    idle = [entry.expressions[number] for number in matches.idle]
    raise_together([nothing_matches(expression, entry, graph) for expression in idle])
    paths, text = entry_union(entry, matches.bindings, graph)
    grid = path_grid(paths, graph)
    drawn = draw_paths(paths, graph, draw, seed, distinct=True)
    groups = {name: _nodes_text(nodes, graph) for name, nodes in scope.groups.items()}
    return Explanation(
        graph=graph,
        canonical=text,
        count=grid.total,
        paths=tuple(single_text(path, graph) for path in drawn),
        groups=groups,
        variables={name: _values_text(values, graph) for name, values in entry.values.items()},
        bindings=len(matches.bindings) if entry.values else 0,
        left_out=matches.left_out,
        positions=tuple(str(each) for each in sorted(entry.positions, key=_by_name)),
        grid=grid,
    )


def _by_name(position: Position) -> tuple[str, int]:
    return position.name or "", position.offset


def _nodes_text(nodes: Iterable[int], graph: Graph) -> str:
    return set_text(node_texts(nodes, graph), negated=False)


def _values_text(values: Sequence[Value], graph: Graph) -> str:
    nodes = [value for value in values if isinstance(value, int)]
    if nodes:
        return _nodes_text(nodes, graph)
    return set_text([value_text(value, graph) for value in values], negated=False)

"""The path set of a whole entry: all bindings of a family together.

If every variable of an expression stands in it once, in a step set that is not a complement,
the union over its bindings is the expression with the variables replaced by the sets of their
values: one small route instead of thousands. Elsewhere it is not (`s -[s]-> logits` over two
heads never mixes them), nor where one ranges over several streams, and the union lists the
routes of the bindings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pathpatch_runner.expression.ast import PathSet, Route, StepPattern, Steps
from pathpatch_runner.expression.canonical import (
    constraint_text,
    link_text,
    node_texts,
    route_text,
    set_text,
    step_atoms,
)
from pathpatch_runner.expression.domain import Binding, Stream, Value, value_text
from pathpatch_runner.expression.template import OpenPattern, RouteTemplate, StepsTemplate
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.entry import Entry
from pathpatch_runner.hypothesis.family import Binder


def entry_union(
    entry: Entry, bindings: Sequence[tuple[Value, ...]], graph: Graph
) -> tuple[PathSet, str]:
    """The routes of an entry and their text. `bindings`: those that match.

    The text names the variables, with their values behind, where sets cannot replace them:
    `s-[s]->logits[s=a0.h*]`.
    """
    routes: list[Route] = []
    texts: list[str] = []
    every = dict(entry.values)
    for expression in entry.expressions:
        template = expression.template
        if is_product(template, every):
            route = template.bind(every)
            routes.append(route)
            texts.append(route_text(route, graph))
        else:
            routes += _bound(template, entry, bindings, graph)
            texts.append(_open_text(template, entry, graph))
    return tuple(dict.fromkeys(routes)), " | ".join(texts)


def is_product(template: RouteTemplate, values: Binding) -> bool:
    """Whether sets of values can replace the variables."""
    once = len(template.variables) == len(set(template.variables))
    links = any(link is not None and link.open for link in template.links)
    excluded = any(steps.negated and steps.open for steps in template.sets)
    streams = any(
        isinstance(values[name][0], Stream) and len(values[name]) > 1 for name in template.variables
    )
    return once and not links and not excluded and not streams


def _bound(
    template: RouteTemplate, entry: Entry, bindings: Sequence[tuple[Value, ...]], graph: Graph
) -> list[Route]:
    binder = Binder(template, graph)
    return [binder.bind(dict(zip(entry.values, nodes, strict=True)))[0] for nodes in bindings]


def _open_text(template: RouteTemplate, entry: Entry, graph: Graph) -> str:
    text = _open_steps_text(template.sets[0], graph)
    for link, steps in zip(template.links, template.sets[1:], strict=True):
        text += _open_link_text(link, graph) + _open_steps_text(steps, graph)
    values = ",".join(
        f"{variable}={set_text(_value_texts(entry.values[variable], graph), negated=False)}"
        for variable in dict.fromkeys(template.variables)
    )
    return f"{text}[{values}]"


def _open_link_text(link: StepsTemplate | None, graph: Graph) -> str:
    if link is None or not link.open:
        return link_text(None if link is None else link.bind({}), graph)
    return f"-[{_open_steps_text(link, graph)}]->"


def _value_texts(values: Sequence[Value], graph: Graph) -> list[str]:
    nodes = [value for value in values if isinstance(value, int)]
    return node_texts(nodes, graph) if nodes else [value_text(value, graph) for value in values]


def _open_steps_text(steps: StepsTemplate, graph: Graph) -> str:
    atoms = step_atoms(Steps(steps.fixed), graph)
    atoms += [_open_atom(item, steps.crossing, graph) for item in steps.open]
    return set_text(atoms, negated=steps.negated)


def _open_atom(item: OpenPattern, crossing: bool, graph: Graph) -> str:
    """`s<x@p>@end`: an atom with its variables as they are written."""
    pattern = replace(item.pattern, read=item.read or item.pattern.read)
    pattern = replace(pattern, write=item.write or pattern.write)
    constraint = constraint_text(pattern)
    if item.slot is not None:
        constraint = constraint_text(replace(pattern, slots=frozenset("q"))).replace(
            "<q", f"<{item.slot}", 1
        )
    if item.node is not None:
        return item.node + constraint
    bare = Steps((StepPattern(item.pattern.nodes),), crossing=crossing)
    return ",".join(node + constraint for node in step_atoms(bare, graph))

"""The path set of a whole entry: all bindings of a family together.

If every variable of an expression stands in it once, in a step set that is not a complement,
the union over its bindings is the expression with the variables replaced by the sets of their
values: one small route instead of thousands. Elsewhere it is not (`s -[s]-> logits` over two
heads never mixes them), and the union lists the routes of the bindings.
"""

from __future__ import annotations

from collections.abc import Sequence

from pathpatch_runner.expression.ast import PathSet, Route, Steps
from pathpatch_runner.expression.canonical import (
    constraint_text,
    node_texts,
    route_text,
    set_text,
    step_atoms,
)
from pathpatch_runner.expression.resolve import RouteTemplate, StepsTemplate
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.entry import Entry
from pathpatch_runner.hypothesis.family import Binder


def entry_union(
    entry: Entry, bindings: Sequence[tuple[int, ...]], graph: Graph
) -> tuple[PathSet, str]:
    """The routes of an entry and their text. `bindings`: those that match.

    The text names the variables, with their values behind, where sets cannot replace them:
    `s-[s]->logits[s=a0.h*]`.
    """
    routes: list[Route] = []
    texts: list[str] = []
    every = {variable: frozenset(nodes) for variable, nodes in entry.values.items()}
    for expression in entry.expressions:
        template = expression.template
        if is_product(template):
            route = template.bind(every)
            routes.append(route)
            texts.append(route_text(route, graph))
        else:
            routes += _bound(template, entry, bindings, graph)
            texts.append(_open_text(template, entry, graph))
    return tuple(dict.fromkeys(routes)), " | ".join(texts)


def is_product(template: RouteTemplate) -> bool:
    """Whether sets of nodes can replace the variables."""
    once = len(template.variables) == len(set(template.variables))
    links = any(link is not None and link.open for link in template.links)
    excluded = any(steps.negated and steps.open for steps in template.sets)
    return once and not links and not excluded


def _bound(
    template: RouteTemplate, entry: Entry, bindings: Sequence[tuple[int, ...]], graph: Graph
) -> list[Route]:
    binder = Binder(template, graph)
    return [binder.bind(dict(zip(entry.values, nodes, strict=True)))[0] for nodes in bindings]


def _open_text(template: RouteTemplate, entry: Entry, graph: Graph) -> str:
    text = _open_steps_text(template.sets[0], graph)
    for link, steps in zip(template.links, template.sets[1:], strict=True):
        between = "->" if link is None else f"-[{_open_steps_text(link, graph)}]->"
        text += between + _open_steps_text(steps, graph)
    values = ",".join(
        f"{variable}={set_text(node_texts(entry.values[variable], graph), negated=False)}"
        for variable in dict.fromkeys(template.variables)
    )
    return f"{text}[{values}]"


def _open_steps_text(steps: StepsTemplate, graph: Graph) -> str:
    atoms = step_atoms(Steps(steps.fixed), graph)
    atoms += [item.variable + constraint_text(item.pattern) for item in steps.open]
    return set_text(atoms, negated=steps.negated)

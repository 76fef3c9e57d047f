"""Families: the bindings of an entry's variables that match paths, and their path sets.

Binding by binding this would be the slowest step of a large experiment, so nothing is done
twice. Whether a binding matches depends only on where its nodes stand: nodes of one stage
with the same slots form a *class*, one binding per tuple of classes is tried, and bindings
of the others are never looked at. (All positions are one class, every slot and stream its own.)
Step sets and their texts are kept by the values bound in them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from pathpatch_runner.expression.ast import Position, Route, Steps
from pathpatch_runner.expression.canonical import link_text, steps_text
from pathpatch_runner.expression.domain import Value
from pathpatch_runner.expression.matching import matches_any_path
from pathpatch_runner.expression.template import RouteTemplate, StepsTemplate
from pathpatch_runner.graph import Graph

Chosen = Mapping[str, Value]
"""One value by variable."""


@dataclass(frozen=True)
class Matches:
    """Which bindings of an entry match a path.

    `bindings`: values in the order of the variables, in the order of the product of values.
    `left_out`: how many others there are. `idle`: templates, by number, that no binding makes
    match.
    """

    bindings: tuple[tuple[Value, ...], ...]
    left_out: int
    idle: tuple[int, ...]


def matching_bindings(
    templates: Sequence[RouteTemplate], values: Mapping[str, tuple[Value, ...]], graph: Graph
) -> Matches:
    """Bindings for which any of the templates matches a path."""
    total = 1
    members: list[dict[Value, Hashable]] = []
    for variable, domain in values.items():
        total *= len(domain)
        excluded = any(_excluded(variable, template) for template in templates)
        members.append({value: _class_of(value, graph, alone=excluded) for value in domain})
    matching: set[tuple[Hashable, ...]] = set()
    idle = []
    for number, template in enumerate(templates):
        found = _matching_classes(template, list(values), members, graph)
        if not found:
            idle.append(number)
        matching |= found
    bindings = tuple(_bindings(members, matching))
    return Matches(bindings, total - len(bindings), tuple(idle))


def _excluded(variable: str, template: RouteTemplate) -> bool:
    """Whether the variable stands behind `!`. Elsewhere a node can be exchanged for another of
    its stage and slots without changing whether paths match. Not there: `!{s, a0.h1}` matches
    something in a layer of two heads if s is a0.h1, and nothing if s is a0.h0."""
    return any(steps.negated and variable in steps.variables for steps in template.sets)


def _class_of(value: Value, graph: Graph, *, alone: bool) -> Hashable:
    if isinstance(value, Position):
        return None
    if alone or not isinstance(value, int):
        return value
    return graph.stage_of[value], graph.nodes[value].slots


def _matching_classes(
    template: RouteTemplate,
    variables: Sequence[str],
    members: Sequence[Mapping[Value, Hashable]],
    graph: Graph,
) -> set[tuple[Hashable, ...]]:
    """Tuples of classes, one for every variable, whose bindings match."""
    used = set(template.variables)
    examples = [{kind: value for value, kind in kinds.items()} for kinds in members]
    tried: dict[tuple[Hashable, ...], bool] = {}
    found = set()
    for kinds in product(*examples):
        key = tuple(
            kind for kind, variable in zip(kinds, variables, strict=True) if variable in used
        )
        if key not in tried:
            values = [example[kind] for example, kind in zip(examples, kinds, strict=True)]
            binding = {v: (value,) for v, value in zip(variables, values, strict=True)}
            tried[key] = matches_any_path((template.bind(binding),), graph)
        if tried[key]:
            found.add(kinds)
    return found


def _bindings(
    members: Sequence[Mapping[Value, Hashable]], matching: set[tuple[Hashable, ...]]
) -> Iterator[tuple[Value, ...]]:
    """Bindings whose classes are in `matching`; a prefix that leads to none is dropped early."""
    reached: list[tuple[tuple[Value, ...], tuple[Hashable, ...]]] = [((), ())]
    for count, kinds in enumerate(members, start=1):
        alive = {classes[:count] for classes in matching}
        reached = [
            ((*values, value), (*classes, kind))
            for values, classes in reached
            for value, kind in kinds.items()
            if (*classes, kind) in alive
        ]
    return (values for values, classes in reached if classes in matching)


class Binder:
    """Binds one template to single values, again and again."""

    def __init__(self, template: RouteTemplate, graph: Graph) -> None:
        self._template = template
        self._graph = graph
        self._kept: dict[tuple[int, tuple[Value, ...]], tuple[Steps | None, str]] = {}
        self._parts: list[tuple[StepsTemplate | None, tuple[str, ...]]] = [
            (part, () if part is None else part.variables)
            for part in (*template.sets, *template.links)
        ]

    def bind(self, chosen: Chosen) -> tuple[Route, str]:
        """The route of a binding and its canonical text."""
        steps: list[Steps] = []
        links: list[Steps | None] = []
        texts: list[str] = []
        count = len(self._template.sets)
        for number, (part, variables) in enumerate(self._parts):
            bound = tuple([chosen[variable] for variable in variables])
            kept = self._kept.get((number, bound))
            if kept is None:
                kept = self._bind_part(part, chosen, is_link=number >= count)
                self._kept[number, bound] = kept
            found, text = kept
            if number >= count:
                links.append(found)
            else:
                assert found is not None
                steps.append(found)
            texts.append(text)
        text = texts[0] + "".join(
            [link + step for link, step in zip(texts[count:], texts[1:count], strict=True)]
        )
        return Route(tuple(steps), tuple(links)), text

    def _bind_part(
        self, part: StepsTemplate | None, chosen: Chosen, *, is_link: bool
    ) -> tuple[Steps | None, str]:
        if part is None:
            return None, link_text(None, self._graph)
        steps = part.bind({variable: (chosen[variable],) for variable in part.variables})
        text = link_text(steps, self._graph) if is_link else steps_text(steps, self._graph)
        return steps, text

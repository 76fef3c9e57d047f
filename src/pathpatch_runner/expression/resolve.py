"""A path expression on a model: names -> nodes, and everything checked that needs the model.

Variables of a family stay open: an expression resolves once, to a *template*, and a *binding*
(variable -> nodes) turns that into a `Route` cheaply. Patterns of a step set that differ only
in their nodes are merged and sorted, so that equal sets are equal objects however written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pathpatch_runner.errors import raise_together
from pathpatch_runner.expression.ast import (
    Atom,
    PathExpression,
    Route,
    Span,
    StepPattern,
    Steps,
    StepSet,
)
from pathpatch_runner.expression.caret import Flaw, quoted
from pathpatch_runner.expression.parse import parse
from pathpatch_runner.expression.scope import Scope

Binding = Mapping[str, frozenset[int]]


@dataclass(frozen=True)
class OpenPattern:
    """A pattern whose nodes are the values of a variable; `pattern.nodes` is empty."""

    variable: str
    pattern: StepPattern


@dataclass(frozen=True)
class StepsTemplate:
    """A step set with variables in it. `variables`: their names, in order of appearance."""

    fixed: tuple[StepPattern, ...]
    open: tuple[OpenPattern, ...]
    negated: bool

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(pattern.variable for pattern in self.open))

    def bind(self, binding: Binding) -> Steps:
        """The step set with its variables replaced."""
        bound = [replace(item.pattern, nodes=binding[item.variable]) for item in self.open]
        return Steps(_merged([*self.fixed, *bound]), self.negated)


@dataclass(frozen=True)
class RouteTemplate:
    """A route with variables in it; the same shape as `Route`."""

    sets: tuple[StepsTemplate, ...]
    links: tuple[StepsTemplate | None, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of its variables, each as often as it stands there."""
        return tuple(
            item.variable
            for steps in (*self.sets, *self.links)
            if steps is not None
            for item in steps.open
        )

    def bind(self, binding: Binding) -> Route:
        """The route with its variables replaced."""
        return Route(
            tuple(steps.bind(binding) for steps in self.sets),
            tuple(None if link is None else link.bind(binding) for link in self.links),
        )


def read_route(text: str, scope: Scope, where: str = "") -> Route:
    """Parse and resolve an expression; a variable stands for the set of all its values.

    Raises ExpressionError, or Problems if it has several.
    """
    expression = parse(text, where)
    template, flaws = resolve(expression, scope)
    raise_together([flaw.error(text, where) for flaw in flaws])
    return template.bind(scope.variables)


def resolve(expression: PathExpression, scope: Scope) -> tuple[RouteTemplate, list[Flaw]]:
    """The template of an expression, and all that is wrong with it, from left to right.

    The template means nothing if there are flaws.
    """
    resolver = _Resolver(expression.text, scope)
    last = len(expression.sets) - 1
    sets, links = [], []
    for number, steps in enumerate(expression.sets):
        if number:
            link = expression.links[number - 1]
            links.append(None if link is None else resolver.steps(link, barred="input logits"))
        barred = "logits" if number == 0 else "input logits"
        if number == last:
            barred = "input" if number and _only_logits(steps) else ""
            resolver.check_last(steps)
        sets.append(resolver.steps(steps, barred=barred))
    return RouteTemplate(tuple(sets), tuple(links)), resolver.flaws


def _only_logits(steps: StepSet) -> bool:
    return not steps.negated and [atom.node.kind for atom in steps.atoms] == ["logits"]


class _Resolver:
    """Collects the flaws of one expression."""

    def __init__(self, text: str, scope: Scope) -> None:
        self.text = text
        self.scope = scope
        self.flaws: list[Flaw] = []

    def check_last(self, steps: StepSet) -> None:
        if not _only_logits(steps):
            hint = 'end the path with "-> logits", "=> logits" or a position of it, "-> logits@end"'
            self.flaws.append(Flaw('a path must end in "logits"', steps.span, hint))

    def steps(self, steps: StepSet, barred: str) -> StepsTemplate:
        """`barred`: the nodes that cannot stand here (unless excluded by `!`)."""
        fixed: list[StepPattern] = []
        opened: list[OpenPattern] = []
        for atom in steps.atoms:
            nodes = self._nodes(atom)
            constraint = _constraint(atom)
            if not nodes:
                continue
            if not steps.negated:
                self._check_place(atom, nodes, barred)
            name = atom.node.name
            if name is not None and name in self.scope.variables:
                opened.append(OpenPattern(name, constraint))
            else:
                fixed.append(replace(constraint, nodes=nodes))
        self._check_twice(steps)
        return StepsTemplate(_merged(fixed), tuple(opened), steps.negated)

    def _nodes(self, atom: Atom) -> frozenset[int]:
        """The atom's nodes; none where they are not known. Checks slot and positions."""
        nodes = self.scope.nodes(atom.node, self.text)
        if isinstance(nodes, Flaw):
            self.flaws.append(nodes)
            nodes = frozenset()
        elif nodes:
            self._check_slot(atom, nodes)
        self._check_positions(atom)
        return nodes

    def _check_place(self, atom: Atom, nodes: frozenset[int], barred: str) -> None:
        graph = self.scope.graph
        for node, word, end in ((0, "input", "begin"), (graph.logits, "logits", "end")):
            if word in barred and nodes == {node}:
                hint = f'a path can only {end} at "{word}", so nothing would match here'
                self.flaws.append(Flaw(f'"{word}" inside a path', atom.span, hint))

    def _check_twice(self, steps: StepSet) -> None:
        """A set is a set, so `{a0-1.h1, a*.h1}` is one; the same words twice are a slip."""
        written: set[str] = set()
        for atom in steps.atoms:
            text = "".join(self.text[atom.span.start : atom.span.end].split())
            if text in written:
                what = f"{quoted(self.text, atom.span)} stands twice in one set"
                self.flaws.append(Flaw(what, atom.span, "remove one of the two"))
            written.add(text)

    def _check_slot(self, atom: Atom, nodes: frozenset[int]) -> None:
        slot = atom.slot
        if slot is None:
            return
        graph = self.scope.graph
        if not any(slot.slots & set(graph.nodes[node].slots) for node in nodes):
            node = quoted(self.text, atom.node.span)
            reads = "reads nothing" if nodes == {0} else "reads through one slot, which has no name"
            hint = f"only heads have slots; {node} {reads}: write it without"
            what = f"{node} has no slot {quoted(self.text, slot.span)}"
            self.flaws.append(Flaw(what, slot.span, hint))
        if slot.back is None:
            return
        least, most = slot.back
        if least > most:
            hint = f"write the nearer first: ~{most}-{least}"
            what = f'range "~{least}-{most}" runs backwards'
            self.flaws.append(Flaw(what, slot.span, hint))
        elif "q" in slot.slots and slot.back != (0, 0):
            hint = 'a query is read where the head writes: only "~0" fits <q>. <k> and <v> can move'
            what = f"{quoted(self.text, slot.span)} reads a query elsewhere"
            self.flaws.append(Flaw(what, slot.span, hint))

    def _check_positions(self, atom: Atom) -> None:
        slot = atom.slot
        found = []
        after = atom.node.span.end
        if slot is not None:
            after = slot.span.end
            span = self._position_span(slot.span.start, after - 1)
            found.append(self.scope.position_flaw(slot.read, span))
        span = self._position_span(after, atom.span.end)
        found.append(self.scope.position_flaw(atom.write, span))
        self.flaws += [flaw for flaw in found if flaw is not None]

    def _position_span(self, start: int, end: int) -> Span:
        """What stands after the first `@` of text[start:end], without white space around it."""
        position = self.text[start:end].partition("@")[2]
        end -= len(position) - len(position.rstrip())
        return Span(end - len(position.strip()), end)


def _constraint(atom: Atom) -> StepPattern:
    if atom.slot is None:
        return StepPattern(frozenset(), None, atom.write)
    return StepPattern(frozenset(), atom.slot.slots, atom.write, atom.slot.read, atom.slot.back)


def _merged(patterns: Iterable[StepPattern]) -> tuple[StepPattern, ...]:
    """Patterns that differ only in their nodes as one; sorted."""
    nodes: dict[StepPattern, frozenset[int]] = {}
    for pattern in patterns:
        key = replace(pattern, nodes=frozenset())
        nodes[key] = nodes.get(key, frozenset()) | pattern.nodes
    merged = [replace(key, nodes=members) for key, members in nodes.items()]
    return tuple(sorted(merged, key=_order)) if len(merged) > 1 else tuple(merged)


def _order(pattern: StepPattern) -> tuple[list[int], str, str, str, tuple[int, ...]]:
    slots = "*" if pattern.slots is None else "".join(sorted(pattern.slots))
    back = pattern.back or ()
    return sorted(pattern.nodes), slots, str(pattern.write), str(pattern.read), back

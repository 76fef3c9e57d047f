"""A path expression on a model: names -> nodes, and everything checked that needs the model."""

from __future__ import annotations

from dataclasses import replace

from pathpatch_runner.errors import did_you_mean, raise_together
from pathpatch_runner.expression.ast import (
    Atom,
    PathExpression,
    Position,
    Route,
    SlotConstraint,
    Span,
    StepPattern,
    StepSet,
)
from pathpatch_runner.expression.caret import Flaw, quoted
from pathpatch_runner.expression.domain import Kind
from pathpatch_runner.expression.parse import parse
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.expression.template import OpenPattern, RouteTemplate, StepsTemplate, merged


def read_route(text: str, scope: Scope, where: str = "") -> Route:
    """Parse and resolve an expression; a variable stands for the set of all its values.

    Raises ExpressionError, or Problems if it has several.
    """
    expression = parse(text, where)
    template, flaws = resolve(expression, scope)
    raise_together([flaw.error(text, where) for flaw in flaws])
    return template.bind({name: domain.values for name, domain in scope.variables.items()})


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
        if resolver.is_crossing(steps):
            sets.append(resolver.crossing(steps))
        else:
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

    def is_crossing(self, steps: StepSet) -> bool:
        """Whether a stream stands there."""
        return any(self._is_stream(atom) for atom in steps.atoms)

    def _is_stream(self, atom: Atom) -> bool:
        return atom.node.kind == "r" or self.scope.ranges_over(atom.node.name, Kind.stream)

    def crossing(self, steps: StepSet) -> StepsTemplate:
        """The crossing of a stream: `r5`, `r5@S1`, `s@p`, or one stream at several positions."""
        fixed: list[StepPattern] = []
        opened: list[OpenPattern] = []
        if steps.negated or len({self._stream_text(atom) for atom in steps.atoms}) > 1:
            what = f"{quoted(self.text, steps.span)} is not one stream"
            hint = 'one stream stands there, without "!": r5@S1, or {r5@S1, r5@S2}'
            self.flaws.append(Flaw(what, steps.span, hint))
        for atom in steps.atoms:
            self._check_positions(atom)
            if atom.slot is not None:
                hint = "slots belong to the node that reads it: r5@S1 -> a5.h1<q>"
                what = f"a stream has no slot {quoted(self.text, atom.slot.span)}"
                self.flaws.append(Flaw(what, atom.slot.span, hint))
            opening = self._opening(atom)
            closed = replace(self._constraint(atom), nodes=self._below(atom))
            if opening.variables:
                opened.append(replace(opening, pattern=closed))
            else:
                fixed.append(closed)
        self._check_twice(steps)
        return StepsTemplate(merged(fixed), tuple(opened), negated=False, crossing=True)

    def _stream_text(self, atom: Atom) -> str:
        return self.text[atom.node.span.start : atom.node.span.end]

    def _below(self, atom: Atom) -> frozenset[int]:
        """The nodes that write to the stream; none for a variable."""
        if atom.node.kind != "r":
            return frozenset()
        found = self.scope.streams(atom.node, self.text)
        if not isinstance(found, Flaw) and len(found) > 1:
            hint = "one stream stands there. For several, let a variable range over them: over: "
            what = f"{quoted(self.text, atom.node.span)} is {len(found)} streams"
            found = Flaw(what, atom.node.span, hint + "{s: r*}, s@S1 => logits")
        if isinstance(found, Flaw):
            self.flaws.append(found)
            return frozenset()
        return found[0].below

    def steps(self, steps: StepSet, barred: str) -> StepsTemplate:
        """`barred`: the nodes that cannot stand here (unless excluded by `!`)."""
        fixed: list[StepPattern] = []
        opened: list[OpenPattern] = []
        for atom in steps.atoms:
            nodes = self._nodes(atom)
            if not nodes:
                continue
            if not steps.negated:
                self._check_place(atom, nodes, barred)
            opening = self._opening(atom)
            if opening.node is None:
                opening = replace(opening, pattern=replace(opening.pattern, nodes=nodes))
            if opening.variables:
                opened.append(opening)
            else:
                fixed.append(opening.pattern)
        self._check_twice(steps)
        return StepsTemplate(merged(fixed), tuple(opened), steps.negated)

    def _opening(self, atom: Atom) -> OpenPattern:
        """The atom's variables, with what it fixes, but for the nodes."""
        scope, slot = self.scope, atom.slot
        name = atom.node.name
        return OpenPattern(
            self._constraint(atom),
            name if scope.ranges_over(name, Kind.node, Kind.stream) else None,
            None if slot is None else slot.variable,
            None if slot is None else self._if_variable(slot.read),
            self._if_variable(atom.write),
        )

    def _if_variable(self, position: Position | None) -> Position | None:
        if position is None or not self.scope.ranges_over(position.name, Kind.position):
            return None
        return position

    def _constraint(self, atom: Atom) -> StepPattern:
        """What an atom fixes besides nodes."""
        slot = atom.slot
        write = None if self._if_variable(atom.write) else atom.write
        if slot is None:
            return StepPattern(frozenset(), None, write)
        read = None if self._if_variable(slot.read) else slot.read
        slots = None if slot.variable is not None else slot.slots
        return StepPattern(frozenset(), slots, write, read, slot.back)

    def _nodes(self, atom: Atom) -> frozenset[int]:
        """The atom's nodes; none where they are not known. Checks slot and positions."""
        if self.scope.ranges_over(atom.node.name, Kind.stream):
            hint = "a stream stands alone between two links: input => s@S1 => logits"
            what = f"{quoted(self.text, atom.node.span)} stands for streams, which are no nodes"
            self.flaws.append(Flaw(what, atom.node.span, hint))
            return frozenset()
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
        if slot is None or slot.variable in self.scope.broken:
            return
        slots = self._slots(slot)
        if slots is None:
            return
        graph = self.scope.graph
        if not any(slots & set(graph.nodes[node].slots) for node in nodes):
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
        elif "q" in slots and slot.back != (0, 0):
            hint = 'a query is read where the head writes: only "~0" fits <q>. <k> and <v> can move'
            what = f"{quoted(self.text, slot.span)} reads a query elsewhere"
            self.flaws.append(Flaw(what, slot.span, hint))

    def _slots(self, slot: SlotConstraint) -> frozenset[str] | None:
        """The slots it names; None, and a flaw, where its name is no variable of slots."""
        if slot.variable is None:
            return slot.slots
        if self.scope.ranges_over(slot.variable, Kind.slot):
            values = self.scope.variables[slot.variable].values
            return frozenset(value for value in values if isinstance(value, str))
        hint = "expected q, k or v: <q>, <k,v>, <k@S1>, <v~1>, or a variable of `over:` that "
        over = [name for name, domain in self.scope.variables.items() if domain.kind is Kind.slot]
        near = did_you_mean(slot.variable, over)
        what = f'unknown slot "{slot.variable}"'
        start = self.text.index(slot.variable, slot.span.start)
        span = Span(start, start + len(slot.variable))
        self.flaws.append(Flaw(what, span, f"{hint}ranges over slots: {{x: [q, k, v]}}.{near}"))
        return None

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

"""Routes with variables in them, which a *binding* (variable -> values) turns into `Route`s.

An expression resolves once, to a template; binding it is cheap. Patterns of a step set that
differ only in their nodes are merged and sorted, so that equal sets are equal objects however
written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from pathpatch_runner.expression.ast import Position, Route, StepPattern, Steps
from pathpatch_runner.expression.domain import Binding, Stream, Value


@dataclass(frozen=True)
class OpenPattern:
    """A pattern with variables in it: the names of those that stand for its nodes (or stream),
    its slots and its positions. `write` and `read` keep the offset: `@p+1` is Position("p", 1).
    What they stand for is left out of `pattern`."""

    pattern: StepPattern
    node: str | None = None
    slot: str | None = None
    read: Position | None = None
    write: Position | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """In the order in which they are written."""
        positions = [place.name for place in (self.read, self.write) if place is not None]
        return tuple(name for name in (self.node, self.slot, *positions) if name is not None)

    def bind(self, binding: Binding) -> Iterator[StepPattern]:
        """The pattern for the values of its variables: nodes and slots together in one, and
        one for each of several positions."""
        fixed = self.pattern
        nodes = fixed.nodes if self.node is None else _nodes(binding[self.node])
        slots = fixed.slots if self.slot is None else _slots(binding[self.slot])
        for read, write in self._places(binding):
            yield StepPattern(nodes, slots, write, read, fixed.back)

    def _places(self, binding: Binding) -> Iterator[tuple[Position | None, Position | None]]:
        """(read, written) for every choice of the position variables."""
        read, write = self.pattern.read, self.pattern.write
        if self.read is None and self.write is None:
            yield read, write
            return
        names = dict.fromkeys(p.name for p in (self.read, self.write) if p is not None and p.name)
        for values in product(*(binding[name] for name in names)):
            bound = dict(zip(names, values, strict=True))
            yield (
                read if self.read is None else _moved(self.read, bound),
                write if self.write is None else _moved(self.write, bound),
            )


def _nodes(values: Sequence[Value]) -> frozenset[int]:
    """Of a variable over nodes, or what is below a stream."""
    if isinstance(values[0], Stream):
        return values[0].below
    return frozenset(value for value in values if isinstance(value, int))


def _slots(values: Sequence[Value]) -> frozenset[str]:
    return frozenset(value for value in values if isinstance(value, str))


def _moved(written: Position, bound: Mapping[str, Value]) -> Position:
    """What `p+1` stands for."""
    value = bound[written.name or ""]
    assert isinstance(value, Position)
    return value.moved(written.offset) if written.offset else value


@dataclass(frozen=True)
class StepsTemplate:
    """A step set with variables in it."""

    fixed: tuple[StepPattern, ...]
    open: tuple[OpenPattern, ...]
    negated: bool
    crossing: bool = False

    @property
    def variables(self) -> tuple[str, ...]:
        """Their names, in order of appearance, each once."""
        return tuple(dict.fromkeys(name for pattern in self.open for name in pattern.variables))

    def bind(self, binding: Binding) -> Steps:
        """The step set with its variables replaced."""
        bound = [pattern for item in self.open for pattern in item.bind(binding)]
        return Steps(merged([*self.fixed, *bound]), self.negated, self.crossing)


@dataclass(frozen=True)
class RouteTemplate:
    """A route with variables in it; built like `Route`."""

    sets: tuple[StepsTemplate, ...]
    links: tuple[StepsTemplate | None, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of its variables, each as often as it stands there."""
        return tuple(
            name
            for steps in (*self.sets, *self.links)
            if steps is not None
            for item in steps.open
            for name in item.variables
        )

    def bind(self, binding: Binding) -> Route:
        """The route with its variables replaced."""
        return Route(
            tuple(steps.bind(binding) for steps in self.sets),
            tuple(None if link is None else link.bind(binding) for link in self.links),
        )


def merged(patterns: Sequence[StepPattern]) -> tuple[StepPattern, ...]:
    """Patterns that differ only in their nodes as one; sorted."""
    if len(patterns) == 1:
        return (patterns[0],)
    nodes: dict[StepPattern, frozenset[int]] = {}
    for pattern in patterns:
        key = replace(pattern, nodes=frozenset())
        nodes[key] = nodes.get(key, frozenset()) | pattern.nodes
    found = [replace(key, nodes=members) for key, members in nodes.items()]
    return tuple(sorted(found, key=_order))


def _order(pattern: StepPattern) -> tuple[list[int], str, str, str, tuple[int, ...]]:
    slots = "*" if pattern.slots is None else "".join(sorted(pattern.slots))
    back = pattern.back or ()
    return sorted(pattern.nodes), slots, str(pattern.write), str(pattern.read), back

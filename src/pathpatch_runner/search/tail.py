"""Tails of paths, and what may come before them.

A *tail* is the end of a path, `step -> ... -> logits`, and stands for every path that ends in it:

    a1.h5<k> -> logits             a *stub*: everything that enters a1.h5 through its keys, and
                                   goes from there straight to the logits
    a0.h3 -> a1.h5<k> -> logits    a *writer* into that stub, carrying everything it computed
    input -> a1.h5<k> -> logits    a complete path

An MLP reads through one slot, so that a tail which begins with one is a writer and a stub at once.
A head has three: a writer that is a head is opened into the stubs of its slots. With `slots:
together` it is not, and its stub is it: everything that enters the head.

With named positions a tail says where its keys and values are read and where the logits are:
`a1.h5<k@S2> -> logits@end`. All else follows, as writer and reader meet at one position.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pathpatch_runner.expression.ast import PathSet, Position, Route, StepPattern, Steps
from pathpatch_runner.expression.canonical import route_text
from pathpatch_runner.graph import Graph, NodeKind


@dataclass(frozen=True)
class Step:
    """`slot`: of a head, None for any (or the only one). `read`: where keys or values are read;
    `write`: where the logits are. None: anywhere, or as the step after it says."""

    node: int
    slot: str | None = None
    read: Position | None = None
    write: Position | None = None


Tail = tuple[Step, ...]


@dataclass(frozen=True)
class Space:
    """What a search may go through. `through`: nodes; `apart`: a head's slots are searched one by
    one; `positions`: those told apart, () for none."""

    graph: Graph
    through: tuple[int, ...]
    apart: bool = True
    positions: tuple[Position, ...] = ()

    def roots(self) -> list[Tail]:
        """The stubs of the logits: one, or one for each position."""
        logits = self.graph.logits
        places: tuple[Position | None, ...] = self.positions or (None,)
        return [(Step(logits, write=place),) for place in places]

    def writers(self, stub: Tail, *, only_input: bool = False) -> list[Tail]:
        """Every writer into a stub, the input first."""
        stage_of = self.graph.stage_of
        before = stage_of[stub[0].node]
        nodes = [] if only_input else [n for n in self.through if stage_of[n] < before]
        return [(self._bare[node], *stub) for node in (0, *nodes)]

    def stubs(self, writer: Tail) -> list[Tail]:
        """The stubs of a writer's slots: itself, where it has one slot or they are together."""
        node = writer[0].node
        if node not in self._slots:
            return [writer]
        return [(step, *writer[1:]) for step in self._slots[node]]

    def is_complete(self, tail: Tail) -> bool:
        """Whether the tail begins at the input."""
        return tail[0].node == 0

    def is_split(self, writer: Tail) -> bool:
        """Whether the stubs of a writer are other path sets than the writer."""
        return writer[0].node in self._slots and writer[0].slot is None

    def path_set(self, tail: Tail) -> PathSet:
        """The tail as a path set. Equal steps share their objects, so that sorting thousands of
        tails into orbits reads each step once."""
        sets = tuple([self._steps_of(step) for step in tail])
        return (Route(sets, (None,) * (len(tail) - 1)),)

    def text(self, tail: Tail) -> str:
        """The canonical expression."""
        (route,) = self.path_set(tail)
        assert isinstance(route, Route)
        return route_text(route, self.graph)

    @cached_property
    def _bare(self) -> dict[int, Step]:
        return {node: Step(node) for node in (0, *self.through)}

    @cached_property
    def _slots(self) -> dict[int, tuple[Step, ...]]:
        """The steps of the slots of every head."""
        if not self.apart:
            return {}
        heads = (NodeKind.head, NodeKind.attention)
        return {
            node: tuple(self._slot_steps(node))
            for node in self.through
            if self.graph.nodes[node].kind in heads
        }

    def _slot_steps(self, node: int) -> Iterator[Step]:
        places: tuple[Position | None, ...] = self.positions or (None,)
        yield Step(node, "q")
        for slot in ("k", "v"):
            for place in places:
                yield Step(node, slot, read=place)

    @cached_property
    def _steps(self) -> dict[Step, Steps]:
        return {}

    def _steps_of(self, step: Step) -> Steps:
        known = self._steps.get(step)
        if known is None:
            slots = None if step.slot is None else frozenset({step.slot})
            pattern = StepPattern(frozenset({step.node}), slots, write=step.write, read=step.read)
            known = self._steps[step] = Steps((pattern,))
        return known

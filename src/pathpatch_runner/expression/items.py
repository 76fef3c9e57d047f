"""The moves of one member of a path set, read backwards from `logits`: what the automaton adds up.

A member is read in *items*, numbered from 0. Item 0 is the start, before the `logits` step. A
*move* says which steps may come next (backwards: who may write what the last step reads), and
the item that they lead to, or UNIVERSAL: every continuation from there is in the set.

Of a route, item n means "n of its step sets are consumed, from the right". From there a step
consumes the next set, or passes through the link before it and stays. For
`input -> a0.h3<v> => logits`:

    item 0   logits       -> item 1
    item 1   any node     -> item 1      (the link "=>")
             a0.h3<v>     -> item 2
    item 2   input        -> UNIVERSAL   (the first set: the path is complete)
"""

from __future__ import annotations

from typing import Protocol

from pathpatch_runner.expression.alphabet import Alphabet, Place
from pathpatch_runner.expression.ast import Route, Successors

UNIVERSAL = -1
"""As an item or a state: every continuation is in the set. All bits set, for `int`."""

Moves = list[tuple[int, int]]
"""(mask of steps, item they lead to)."""


class Items(Protocol):
    """A member of a path set, as the automaton reads it. `count`: of its items."""

    count: int

    def moves(self, item: int, place: Place) -> Moves:
        """The moves of an item at a place. `input` steps lead to UNIVERSAL or nowhere."""


def items_of(member: Route | Successors, alphabet: Alphabet) -> Items:
    """The items of a member of a path set."""
    if isinstance(member, Route):
        return RouteItems(member, alphabet)
    return SuccessorItems(member, alphabet)


class SuccessorItems:
    """Items of a member that knows its own, at every place where its steps can occur."""

    def __init__(self, member: Successors, alphabet: Alphabet) -> None:
        self.count = member.n_items
        self._member = member
        self._alphabet = alphabet

    def moves(self, item: int, place: Place) -> Moves:
        """The member's moves."""
        here = self._alphabet.steps_at(place)
        return [(mask & here, target) for mask, target in self._member.moves(item) if mask & here]


class RouteItems:
    """Items of a route: how many of its step sets, crossings among them, are consumed.

    A crossing is consumed together with the step that follows it, which is the writer of the
    edge. The reader has been consumed before, and must not be below: so nothing below a
    crossing may be consumed while it waits.
    """

    def __init__(self, route: Route, alphabet: Alphabet) -> None:
        self.count = len(route.sets) + 1
        self._route = route
        self._alphabet = alphabet
        self._inner = alphabet.all_steps & ~alphabet.stage_masks[0] & ~alphabet.stage_masks[-1]
        self._allowed = _waiting(route, alphabet)

    def moves(self, item: int, place: Place) -> Moves:
        """Stay in the link, or consume the next step set."""
        found = self._moves(item, place, self._alphabet.all_steps)
        return [(mask, target) for mask, target in found if mask]

    def _moves(self, item: int, place: Place, writers: int) -> Moves:
        """`writers`: what a crossing consumed with this step leaves."""
        route, alphabet = self._route, self._alphabet
        above = writers & self._allowed[item]
        link = route.links[-item] if item else None
        stay: Moves = []
        if link is not None:
            stay = [(alphabet.steps_mask(link, place) & self._inner & above, item)]
        steps = route.sets[-item - 1]
        wanted = alphabet.steps_mask(steps, place) & writers
        if item + 1 == len(route.sets):
            inside = ~alphabet.stage_masks[-1] if item else alphabet.stage_masks[-1]
            return [*stay, (wanted & inside, UNIVERSAL)]
        if steps.crossing:
            return [*stay, *self._moves(item + 1, place, wanted)]
        inside = self._inner if item else alphabet.stage_masks[-1]
        return [*stay, (wanted & inside & above, item + 1)]


def _waiting(route: Route, alphabet: Alphabet) -> list[int]:
    """By item: the steps that are below no crossing that is not consumed yet."""
    allowed = [alphabet.all_steps]
    for steps in route.sets:
        below = 0
        if steps.crossing:
            for pattern in steps.patterns:
                below |= alphabet.pattern_mask(pattern)
        allowed.append(allowed[-1] & ~below)
    return allowed[::-1]

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
    """Items of a route: how many of its step sets are consumed."""

    def __init__(self, route: Route, alphabet: Alphabet) -> None:
        self.count = len(route.sets) + 1
        self._route = route
        self._alphabet = alphabet

    def moves(self, item: int, place: Place) -> Moves:
        """Stay in the link, or consume the next step set."""
        route, alphabet = self._route, self._alphabet
        ends, last = alphabet.stage_masks[0], alphabet.stage_masks[-1]
        inner = alphabet.all_steps & ~ends & ~last
        moves: Moves = []
        link = route.links[-item] if item else None
        if link is not None:
            moves.append((alphabet.steps_mask(link, place) & inner, item))
        wanted = alphabet.steps_mask(route.sets[-item - 1], place)
        if item + 1 == len(route.sets):
            allowed = last if item == 0 else inner | ends
            moves.append((wanted & allowed, UNIVERSAL))
        else:
            moves.append((wanted & (last if item == 0 else inner), item + 1))
        return [(mask, target) for mask, target in moves if mask]

"""A path set as an automaton that reads paths backwards, from `logits` to `input`.

An *item* is (route, number of its step sets consumed so far, from the right); a *state* is a
set of items, held as a bit mask. From a state, a step leads to the state of all items it
allows: it may consume the next step set, or pass through the link before it and stay.

Two states are special. `DEAD` (no item): no continuation is in the set. `UNIVERSAL`: every
continuation is, because some route is consumed up to its first step and everything upstream
of a sender belongs to the path. A path is in the set if its `input` step leads to UNIVERSAL.
"""

from __future__ import annotations

from functools import lru_cache

from pathpatch_runner.expression.alphabet import Alphabet, Place, bits
from pathpatch_runner.expression.ast import PathSet, Route, Steps
from pathpatch_runner.graph import Graph

DEAD = 0
UNIVERSAL = -1
"""All bits set: a state like any other for `int`, and no set of items."""

Parts = tuple[tuple[int, int], ...]
"""(mask of steps, state they lead to): disjoint masks; steps in none of them lead to DEAD."""


class Automaton:
    """The backward automaton of a path set over an alphabet, determinised as it is asked."""

    def __init__(self, paths: PathSet, alphabet: Alphabet) -> None:
        self._alphabet = alphabet
        self._routes = paths
        self._offsets = [0]
        for route in paths:
            self._offsets.append(self._offsets[-1] + len(route.sets) + 1)
        self._moves: dict[tuple[int, Place], list[tuple[int, int]]] = {}
        self._parts: dict[tuple[int, Place], Parts] = {}

    @property
    def start(self) -> int:
        """The state before the `logits` step."""
        state = 0
        for offset in self._offsets[:-1]:
            state |= 1 << offset
        return state

    def parts(self, state: int, place: Place) -> Parts:
        """Where the steps at a place lead from a state."""
        if state == UNIVERSAL:
            return ((self._alphabet.steps_at(place), UNIVERSAL),)
        key = (state, place)
        if key not in self._parts:
            self._parts[key] = self._partition(state, place)
        return self._parts[key]

    def _partition(self, state: int, place: Place) -> Parts:
        parts: list[tuple[int, int]] = []
        for item in bits(state):
            for mask, target in self._item_moves(item, place):
                parts = _split(parts, mask, target)
        return tuple(parts)

    def _item_moves(self, item: int, place: Place) -> list[tuple[int, int]]:
        """(steps, state) moves of one item; `input` steps either end the path or go nowhere."""
        key = (item, place)
        if key not in self._moves:
            number = max(i for i, offset in enumerate(self._offsets[:-1]) if offset <= item)
            consumed = item - self._offsets[number]
            self._moves[key] = self._moves_of(self._routes[number], item, consumed, place)
        return self._moves[key]

    def _moves_of(
        self, route: Route, item: int, consumed: int, place: Place
    ) -> list[tuple[int, int]]:
        alphabet = self._alphabet
        ends = alphabet.stage_masks[0]
        last = alphabet.stage_masks[-1]
        inner = alphabet.all_steps & ~ends & ~last
        moves: list[tuple[int, int]] = []
        link = route.links[-consumed] if consumed else None
        if link is not None:
            moves.append((alphabet.steps_mask(link, place) & inner, 1 << item))
        wanted = alphabet.steps_mask(route.sets[-consumed - 1], place)
        if consumed + 1 == len(route.sets):
            allowed = last if consumed == 0 else inner | ends
            moves.append((wanted & allowed, UNIVERSAL))
        else:
            moves.append((wanted & (last if consumed == 0 else inner), 1 << (item + 1)))
        return [(mask, target) for mask, target in moves if mask]


def _split(parts: list[tuple[int, int]], mask: int, target: int) -> list[tuple[int, int]]:
    """Add `target` to the states of the steps in `mask`."""
    result: list[tuple[int, int]] = []
    rest = mask
    for steps, state in parts:
        shared = steps & mask
        if shared:
            result.append((shared, state | target))
        if steps & ~mask:
            result.append((steps & ~mask, state))
        rest &= ~steps
    if rest:
        result.append((rest, target))
    return result


@lru_cache(maxsize=8)
def _unplaced(graph: Graph) -> Alphabet:
    return Alphabet(graph)


def matches_any_path(paths: PathSet, graph: Graph) -> bool:
    """Whether any path of the model is in the set, taking every position constraint as met.

    Edges join any writer to any reader of a later stage, so taking the latest possible node
    for every step set, from the right, finds a path if there is one.
    """
    return any(_matches(route, _unplaced(graph)) for route in paths)


def _matches(route: Route, alphabet: Alphabet) -> bool:
    below = alphabet.all_steps
    for consumed, steps in enumerate(reversed(route.sets)):
        wanted = _optimistic_mask(steps, alphabet) & below
        if consumed:
            wanted &= ~alphabet.stage_masks[-1]
        else:
            wanted &= alphabet.stage_masks[-1]
        if consumed + 1 < len(route.sets):
            wanted &= ~alphabet.stage_masks[0]
        if not wanted:
            return False
        node, _ = alphabet.steps[wanted.bit_length() - 1]
        stage = alphabet.graph.stage_of[node]
        below = sum(alphabet.stage_masks[:stage])
    return True


def _optimistic_mask(steps: Steps, alphabet: Alphabet) -> int:
    """Steps the set matches at some place: a constrained pattern excludes none of a complement."""
    free = [
        pattern
        for pattern in steps.patterns
        if not steps.negated or (pattern.write, pattern.read, pattern.back) == (None, None, None)
    ]
    mask = 0
    for pattern in free:
        mask |= alphabet.pattern_mask(pattern)
    return alphabet.all_steps & ~mask if steps.negated else mask

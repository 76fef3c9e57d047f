"""A path set as an automaton that reads paths backwards, from `logits` to `input`.

Read backwards, because the value of a node in the treeified network depends on what comes
after it on the path: on which of its continuations to `logits` are in the set.

A *state* is a set of items (see `items`), one for each way in which the steps read so far can
be understood, held as a bit mask. From a state, a step leads to the state of all items that
it allows. Two states are special. `DEAD` (no item): no continuation is in the set. `UNIVERSAL`:
every continuation is, because some route is consumed up to its first set, and everything
upstream of a sender belongs to the path. A path is in the set if its `input` step leads to
UNIVERSAL.

Example: `a0.h3 -> a1.h5<k> -> logits` on two layers without MLPs. Its items are 0 (nothing
consumed), 1 (`logits`), 2 (`a1.h5<k>` too), so the start is the state {0} = 0b001.

    state    step         leads to
    0b001    logits       0b010
    0b010    a1.h5<k>     0b100       all other steps: DEAD
    0b100    a0.h3        UNIVERSAL   all other steps: DEAD

So the value that `logits` read is mixed: a1.h5 is evaluated anew there, with keys that are
mixed in turn: a0.h3 writes its patched value into them (state UNIVERSAL), every other node its
base value (state DEAD). Queries and values of a1.h5 are base too. Nothing else is evaluated.
"""

from __future__ import annotations

from bisect import bisect_right

from pathpatch_runner.expression.alphabet import Alphabet, Place, bits
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.items import UNIVERSAL, items_of

__all__ = ["DEAD", "UNIVERSAL", "Automaton", "Parts"]

DEAD = 0

Parts = tuple[tuple[int, int], ...]
"""(mask of steps, state they lead to): disjoint masks; steps in none of them lead to DEAD."""


class Automaton:
    """The backward automaton of a path set over an alphabet, made deterministic as it is asked.

    The items of all members are numbered together, so a state of a union is one bit mask.
    """

    def __init__(self, paths: PathSet, alphabet: Alphabet) -> None:
        self._alphabet = alphabet
        self._members = [items_of(member, alphabet) for member in paths]
        self._offsets: list[int] = []
        count = 0
        for member in self._members:
            self._offsets.append(count)
            count += member.count
        self._moves: dict[tuple[int, Place], list[tuple[int, int]]] = {}
        self._parts: dict[tuple[int, Place], Parts] = {}

    @property
    def start(self) -> int:
        """The state before the `logits` step."""
        return sum(1 << offset for offset in self._offsets)

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
        seen = 0
        for item in bits(state):
            for mask, target in self._item_moves(item, place):
                if mask & seen:
                    parts = _split(parts, mask, target)
                else:
                    parts.append((mask, target))
                seen |= mask
        return tuple(parts)

    def _item_moves(self, item: int, place: Place) -> list[tuple[int, int]]:
        """(steps, state) moves of one item."""
        key = (item, place)
        if key not in self._moves:
            number = bisect_right(self._offsets, item) - 1
            offset = self._offsets[number]
            self._moves[key] = [
                (mask, target if target == UNIVERSAL else 1 << (offset + target))
                for mask, target in self._members[number].moves(item - offset, place)
            ]
        return self._moves[key]


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

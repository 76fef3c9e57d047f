"""Whether a path set has any path in a model, without building its automaton.

Positions do not matter here: whether a named position is where a constraint wants it is for
the dataset to say. So every position constraint is taken as met: `a0.h1@S1` counts as
`a0.h1`, and `!{a0.h1@S1}` leaves nothing out, since a0.h1 may write elsewhere.
"""

from __future__ import annotations

from functools import lru_cache

from pathpatch_runner.expression.alphabet import Alphabet, OptimisticAlphabet
from pathpatch_runner.expression.ast import PathSet, Route, Successors
from pathpatch_runner.graph import Graph


@lru_cache(maxsize=8)
def optimistic(graph: Graph) -> OptimisticAlphabet:
    """The alphabet of a graph that takes every position constraint as met."""
    return OptimisticAlphabet(graph)


def matches_any_path(paths: PathSet, graph: Graph) -> bool:
    """Whether any path of the model is in the set, taking every position constraint as met.

    Edges join any writer to any reader of a later stage, so taking the latest possible node
    for every step set, from the right, finds a path if there is one.
    """
    return any(_matches(member, optimistic(graph)) for member in paths)


def _matches(route: Route | Successors, alphabet: Alphabet) -> bool:
    if not isinstance(route, Route):
        return bool(route.moves(0))
    below = alphabet.all_steps
    reader = alphabet.stage_masks[-1]
    place = alphabet.same_place[0]
    for consumed, steps in enumerate(reversed(route.sets)):
        wanted = alphabet.steps_mask(steps, place) & below
        if steps.crossing:
            # The reader is the latest possible node. Where it is below, so are all others.
            if not wanted or reader & alphabet.steps_mask(steps, place):
                return False
            below = wanted
            continue
        if consumed:
            wanted &= ~alphabet.stage_masks[-1]
        else:
            wanted &= alphabet.stage_masks[-1]
        if consumed + 1 < len(route.sets):
            wanted &= ~alphabet.stage_masks[0]
        if not wanted:
            return False
        reader = 1 << (wanted.bit_length() - 1)
        node, _ = alphabet.steps[wanted.bit_length() - 1]
        below = alphabet.below_masks[alphabet.graph.stage_of[node]]
    return True

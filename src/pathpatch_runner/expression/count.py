"""How many paths a path set has in a model, exactly, and paths drawn from it uniformly.

A *path* here is a chain of steps, (node, slot) each, from `input` to `logits`; positions do not
multiply the count. Every position constraint is taken as met (see `matching`): `a0.h1<v@S1>`
counts the paths through `a0.h1<v>`. Nor do several ways to read one path as the expression:
the automaton is deterministic, so every path is one walk through it.

Paths are counted backwards. From a state of the automaton, before a stage, the *completions*
are the ways to go on to `input`:

    completions(state, stage) = sum over parts (steps, target) of the state, over lower stages s:
                                (number of the part's steps in s) * completions(target, s)

Steps of one stage and part have equally many completions, so that a stage of twelve heads costs
as much as a stage of one, and GPT-2 small's 10^38 or so paths are counted in milliseconds. Numbers
are Python integers: exact at any size.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from pathpatch_runner.expression.alphabet import Alphabet, bits
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.automaton import UNIVERSAL, Automaton
from pathpatch_runner.expression.matching import optimistic
from pathpatch_runner.expression.single import SinglePath
from pathpatch_runner.graph import Graph


def count_paths(paths: PathSet, graph: Graph) -> int:
    """The exact number of paths of a model that are in a path set."""
    return Completions(paths, graph).total


def count_text(count: int) -> str:
    """`91,231 paths`; from 16 digits on rounded: `about 2.69e22 paths`."""
    digits = str(count)
    shown = f"{count:,}"
    if len(digits) > 15:
        shown = f"about {digits[0]}.{digits[1:3]}e{len(digits) - 1}"
    return f"{shown} path{'' if count == 1 else 's'}"


def draw_paths(
    paths: PathSet, graph: Graph, n: int, seed: int, *, distinct: bool = False
) -> list[SinglePath]:
    """`n` paths of the set, each drawn uniformly and independently of the others; none of an
    empty set. `distinct`: without repetition, hence all paths, in a random order, where there
    are fewer than `n`."""
    completions = Completions(paths, graph)
    rng = random.Random(f"paths/{seed}")
    total = completions.total
    if not total:
        return []
    numbers = _distinct(rng, total, n) if distinct else [rng.randrange(total) for _ in range(n)]
    return [completions.path(number) for number in numbers]


def _distinct(rng: random.Random, total: int, n: int) -> Sequence[int]:
    if n >= total or total <= 4 * n:
        return rng.sample(range(total), min(n, total))
    chosen: dict[int, None] = {}
    while len(chosen) < n:
        chosen[rng.randrange(total)] = None
    return list(chosen)


class Completions:
    """Counts completions by (state, stage), and finds a path by its number."""

    def __init__(self, paths: PathSet, graph: Graph) -> None:
        self.alphabet: Alphabet = optimistic(graph)
        self.automaton = Automaton(paths, self.alphabet)
        self._place = self.alphabet.same_place[0]
        self._counts: dict[tuple[int, int], int] = {}

    @property
    def total(self) -> int:
        """Of the whole path set."""
        return self.count(self.automaton.start, len(self.alphabet.stage_masks))

    def parts(self, state: int) -> Sequence[tuple[int, int]]:
        """(steps, target) of a state: where a step leads."""
        return self.automaton.parts(state, self._place)

    def count(self, state: int, stage: int) -> int:
        """Ways to go on to `input`, by steps before `stage`."""
        found = self._counts.get((state, stage))
        if found is None:
            found = sum(
                steps.bit_count() * self.after(target, before)
                for steps, target, before in self._choices(state, stage)
            )
            self._counts[state, stage] = found
        return found

    def after(self, target: int, stage: int) -> int:
        """Ways to go on from a step of `stage` that led to `target`."""
        if stage == 0:
            return int(target == UNIVERSAL)
        return self.count(target, stage)

    def _choices(self, state: int, stage: int) -> list[tuple[int, int, int]]:
        """(steps of one stage, target, that stage), for all stages before `stage`."""
        return [
            (mask & in_stage, target, before)
            for mask, target in self.parts(state)
            for before, in_stage in enumerate(self.alphabet.stage_masks[:stage])
            if mask & in_stage
        ]

    def path(self, number: int) -> SinglePath:
        """The path of that number, from 0 to `total` - 1."""
        state, stage = self.automaton.start, len(self.alphabet.stage_masks)
        found: list[tuple[int, int]] = []
        while stage:
            steps, state, before, number = self._choice(state, stage, number)
            each = self.after(state, before)
            found.append(self.alphabet.steps[bits(steps)[number // each]])
            stage, number = before, number % each
        return tuple(reversed(found))

    def _choice(self, state: int, stage: int, number: int) -> tuple[int, int, int, int]:
        """The choice that holds the completion of that number: (steps, target, their stage,
        number within it)."""
        for steps, target, before in self._choices(state, stage):
            n = steps.bit_count() * self.after(target, before)
            if number < n:
                return steps, target, before, number
            number -= n
        raise AssertionError("fewer completions than counted")

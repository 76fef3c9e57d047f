"""The search: from the logits backwards, level by level, the largest effects first.

    open stubs -> every writer into them -> tests of that level -> what passes is opened
        a head: the stubs of its slots -> tests -> those that pass are open stubs
        an MLP: an open stub;  the input: a complete path

A tail passes if it is significant among its level's tests and at least `min_share` of the total
effect. Stubs of one level are opened in order of their effect; when the budget is used up, those
left stay open, and the search ends with what it has.

The walk is a pure function of its settings, its tests and a callback that evaluates: the same
effects give the same walk. So an interrupted search is taken up again by asking for the same
effects in the same order, of which those known are read back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.search.level import LevelTests, Tested
from pathpatch_runner.search.tail import Space, Tail

Effects = Callable[[str, Sequence[PathSet]], Floats]
"""(what is evaluated, for readers; path sets) -> effects [set, pair], summed over the points of
each pair."""


class Status(Enum):
    """complete: a path from the input. expanded: its writers, or slots, were evaluated. open: they
    were not, though it passed. pruned: it did not pass."""

    complete = "complete"
    expanded = "expanded"
    open = "open"
    pruned = "pruned"


@dataclass(frozen=True)
class Settings:
    """What passes, and when to end. `at_most`: nodes between the ends of a path; `evaluations`:
    path sets evaluated on the pairs that choose."""

    min_share: float = 0.01
    alpha: float = 0.05
    at_most: int = 6
    evaluations: int = 200_000


@dataclass(frozen=True)
class Examined:
    """A tail that was evaluated. `parent`: the tail that was opened to it, None for the logits';
    `level`: the number of the tests it was among; `evaluations`: made up to and with its level."""

    tail: Tail
    parent: Tail | None
    level: int
    effect: float
    share: float
    p_value: float
    q_value: float
    evaluations: int
    status: Status
    why: str

    @property
    def depth(self) -> int:
        """Nodes between the ends, so far."""
        return len(self.tail) - (2 if self.tail[0].node == 0 else 1)


def walk(space: Space, settings: Settings, tests: LevelTests, effects: Effects) -> list[Examined]:
    """Everything examined, in the order of its evaluation."""
    return _Walk(space, settings, tests, effects).run()


class _Walk:
    """What has been examined so far, by tail."""

    def __init__(
        self, space: Space, settings: Settings, tests: LevelTests, effects: Effects
    ) -> None:
        self._space = space
        self._settings = settings
        self._tests = tests
        self._effects = effects
        self._found: dict[Tail, Examined] = {}
        self._levels = 0
        self._evaluations = 0

    def run(self) -> list[Examined]:
        roots = self._space.roots()
        if self._space.positions:
            stubs = self._examine("logits", [(root, None) for root in roots])
        else:
            stubs = roots
        depth = 0
        while stubs:
            last = depth == self._settings.at_most
            stubs = self._slots(self._writers(stubs, depth, only_input=last))
            depth += 1
        return list(self._found.values())

    def _writers(self, stubs: list[Tail], depth: int, *, only_input: bool) -> list[Tail]:
        """Open stubs. The writers that pass, which are no complete paths."""
        children = {
            stub: self._space.writers(stub, only_input=only_input) for stub in self._ordered(stubs)
        }
        passed = self._examine(f"writers, {depth} nodes before the logits", self._opened(children))
        if only_input:
            why = f"at_most {self._settings.at_most}: of its writers only the input was evaluated"
            for stub in children:
                if len(self._space.writers(stub)) > 1:
                    self._mark(stub, Status.open, why)
        return [tail for tail in passed if not self._space.is_complete(tail)]

    def _slots(self, writers: list[Tail]) -> list[Tail]:
        """The open stubs of writers that passed."""
        split = [tail for tail in writers if self._space.is_split(tail)]
        children = {writer: self._space.stubs(writer) for writer in self._ordered(split)}
        passed = self._examine("slots of heads", self._opened(children))
        return [tail for tail in writers if not self._space.is_split(tail)] + passed

    def _opened(self, children: dict[Tail, list[Tail]]) -> list[tuple[Tail, Tail | None]]:
        """(child, parent) of as many parents, in their order, as the budget allows."""
        left = self._settings.evaluations - self._evaluations
        pairs: list[tuple[Tail, Tail | None]] = []
        for parent, own in children.items():
            if len(pairs) + len(own) > left:
                self._mark(parent, Status.open, "the budget of evaluations was used up")
                left = 0
                continue
            self._mark(parent, Status.expanded, "passed")
            pairs += [(child, parent) for child in own]
        return pairs

    def _ordered(self, tails: Sequence[Tail]) -> list[Tail]:
        """The largest effects first."""
        known = self._found
        return sorted(tails, key=lambda tail: -abs(known[tail].effect) if tail in known else 0.0)

    def _examine(self, what: str, children: Sequence[tuple[Tail, Tail | None]]) -> list[Tail]:
        """Evaluate and test tails together. Those that pass."""
        if not children:
            return []
        sums = self._effects(what, [self._space.path_set(tail) for tail, _ in children])
        self._evaluations += len(children)
        tested = self._tests.level(sums)
        passed = []
        for row, (tail, parent) in enumerate(children):
            status, why = self._verdict(tail, tested, row)
            self._found[tail] = Examined(
                tail,
                parent,
                self._levels,
                float(tested.effect[row]),
                float(tested.share[row]),
                float(tested.p_value[row]),
                float(tested.q_value[row]),
                self._evaluations,
                status,
                why,
            )
            if status is not Status.pruned:
                passed.append(tail)
        self._levels += 1
        return passed

    def _verdict(self, tail: Tail, tested: Tested, row: int) -> tuple[Status, str]:
        q_value, share = tested.q_value[row], tested.share[row]
        if not q_value <= self._settings.alpha:
            return Status.pruned, f"not significant: q {q_value:.2g} on the pairs that choose"
        if not abs(share) >= self._settings.min_share:
            return Status.pruned, f"too small: {share:.2%} of the total on the pairs that choose"
        if self._space.is_complete(tail):
            return Status.complete, "begins at the input"
        return Status.open, "passed"

    def _mark(self, tail: Tail, status: Status, why: str) -> None:
        if tail in self._found:
            self._found[tail] = replace(self._found[tail], status=status, why=why)


def kept(examined: Sequence[Examined]) -> list[Examined]:
    """All that passed."""
    return [each for each in examined if each.status is not Status.pruned]


def complete(examined: Sequence[Examined]) -> list[Examined]:
    """The paths found, the largest effects on the pairs that chose first."""
    found = [each for each in examined if each.status is Status.complete]
    return [found[i] for i in np.argsort([-abs(each.effect) for each in found], kind="stable")]


def ends(examined: Sequence[Examined]) -> list[Examined]:
    """Where the search came to: what passed and has nothing before it that passed. Complete paths,
    stubs left open, and dead ends, whose effect is spread over more writers than any shows."""
    passed = kept(examined)
    continued = {each.parent for each in passed}
    return [each for each in passed if each.tail not in continued]

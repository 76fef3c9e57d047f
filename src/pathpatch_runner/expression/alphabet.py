"""The steps a path can take through a graph, as bits, and the classes positions fall into.

A *step id* numbers one (node, slot) of a graph; sets of steps are Python integers used as bit
masks. Step ids follow node order, hence stage order.

A *position class* is the set of positions (of those the expressions mention) that a place in a
prompt satisfies; which classes occur is for the dataset to say. A *back class* is a range of
distances (written position minus read position) that no expression tells apart. A *place* is
the triple (class written, class read, back class) that a step is matched under, besides its
node and slot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

from pathpatch_runner.expression.ast import PathSet, Position, Route, StepPattern, Steps
from pathpatch_runner.graph import Graph

PositionClass = frozenset[Position]
BackClass = tuple[int | None, int | None]
"""Inclusive (least, most) distance; None: unbounded."""


@dataclass(frozen=True)
class Place:
    """Indices into `Alphabet.position_classes` and `Alphabet.back_classes`."""

    write: int
    read: int
    back: int


@dataclass(frozen=True)
class Alphabet:
    """Steps and places of one graph. `position_classes`: those that occur, at least one."""

    graph: Graph
    position_classes: tuple[PositionClass, ...] = (frozenset(),)
    back_classes: tuple[BackClass, ...] = ((None, None),)

    @cached_property
    def steps(self) -> tuple[tuple[int, int], ...]:
        """(node index, slot index) by step id; `input` has one step, slot 0."""
        nodes = self.graph.nodes
        return tuple(
            (index, slot)
            for index, node in enumerate(nodes)
            for slot in range(len(node.slots) or 1)
        )

    @cached_property
    def stage_masks(self) -> tuple[int, ...]:
        """The steps of every stage."""
        masks = [0] * len(self.graph.stages)
        for step, (node, _) in enumerate(self.steps):
            masks[self.graph.stage_of[node]] |= 1 << step
        return tuple(masks)

    @cached_property
    def below_masks(self) -> tuple[int, ...]:
        """The steps of all stages before every stage: what its nodes can read."""
        return tuple(accumulate(self.stage_masks, initial=0))[:-1]

    @cached_property
    def all_steps(self) -> int:
        """Every step."""
        return (1 << len(self.steps)) - 1

    @cached_property
    def same_place(self) -> tuple[Place, ...]:
        """By class written: the place of a step that reads where it writes."""
        zero = next(i for i, back in enumerate(self.back_classes) if _holds(back, 0))
        return tuple(Place(c, c, zero) for c in range(len(self.position_classes)))

    @cached_property
    def _moving_steps(self) -> int:
        """Steps that may write elsewhere than they read: keys and values."""
        return self._slot_masks.get("k", 0) | self._slot_masks.get("v", 0)

    def steps_at(self, place: Place) -> int:
        """Steps that can occur at a place."""
        if place == self.same_place[place.write]:
            return self.all_steps
        apart = self.back_classes[place.back] != (0, 0) or place.write == place.read
        return self._moving_steps if apart else 0

    @cached_property
    def node_steps(self) -> tuple[tuple[int, int], ...]:
        """By node: the mask of its steps, and the number of the first."""
        return tuple((mask, (mask & -mask).bit_length() - 1) for mask in self._node_masks)

    @cached_property
    def _node_masks(self) -> tuple[int, ...]:
        masks = [0] * len(self.graph.nodes)
        for step, (node, _) in enumerate(self.steps):
            masks[node] |= 1 << step
        return tuple(masks)

    @cached_property
    def _known_masks(self) -> dict[frozenset[int], int]:
        """Steps of the sets of nodes asked for so far: the same few, at every place."""
        return {}

    @cached_property
    def _slot_masks(self) -> dict[str, int]:
        masks: dict[str, int] = {}
        for step, (node, slot) in enumerate(self.steps):
            names = self.graph.nodes[node].slots
            if names:
                masks[names[slot]] = masks.get(names[slot], 0) | 1 << step
        return masks

    def pattern_mask(self, pattern: StepPattern) -> int:
        """Steps whose node and slot the pattern matches, wherever they are."""
        mask = self._known_masks.get(pattern.nodes)
        if mask is None:
            mask = sum(self._node_masks[node] for node in pattern.nodes)
            self._known_masks[pattern.nodes] = mask
        if pattern.slots is None:
            return mask
        slots = 0
        for slot in pattern.slots:
            slots |= self._slot_masks.get(slot, 0)
        return mask & slots

    def matches_place(self, pattern: StepPattern, place: Place) -> bool:
        """Whether the pattern's position constraints hold at the place."""
        if pattern.write is not None and pattern.write not in self.position_classes[place.write]:
            return False
        if pattern.read is not None and pattern.read not in self.position_classes[place.read]:
            return False
        if pattern.back is None:
            return True
        least, most = self.back_classes[place.back]
        return (
            least is not None
            and most is not None
            and pattern.back[0] <= least
            and most <= pattern.back[1]
        )

    def steps_mask(self, steps: Steps, place: Place) -> int:
        """Steps that a step set matches at a place."""
        mask = 0
        for pattern in steps.patterns:
            if self.matches_place(pattern, place):
                mask |= self.pattern_mask(pattern)
        return (self.all_steps & ~mask if steps.negated else mask) & self.steps_at(place)


@dataclass(frozen=True)
class OptimisticAlphabet(Alphabet):
    """Takes every position constraint as met, for what can be said before there is a dataset.

    There is one place only, where every step can occur. A step set has the steps that it
    matches at some place: a constrained pattern as if it were free, and where it stands in a
    complement it leaves nothing out.
    """

    def steps_mask(self, steps: Steps, place: Place) -> int:  # noqa: ARG002 - the same everywhere
        """Steps that a step set matches at some place."""
        mask = 0
        for pattern in steps.patterns:
            if not steps.negated or not pattern.is_placed:
                mask |= self.pattern_mask(pattern)
        return self.all_steps & ~mask if steps.negated else mask


def bits(mask: int) -> list[int]:
    """Positions of the set bits, ascending."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


def _holds(back: BackClass, distance: int) -> bool:
    least, most = back
    return (least is None or least <= distance) and (most is None or distance <= most)


def patterns_of(path_sets: Iterable[PathSet]) -> list[StepPattern]:
    """Every pattern of every step set and link. Path sets of a family share most of theirs,
    which come once."""
    found: dict[int, Steps] = {}
    for paths in path_sets:
        for route in paths:
            if not isinstance(route, Route):
                continue
            for steps in (*route.sets, *route.links):
                if steps is not None:
                    found[id(steps)] = steps
    return [pattern for steps in found.values() for pattern in steps.patterns]


def distance_classes(path_sets: Iterable[PathSet], *, causal: bool) -> tuple[BackClass, ...]:
    """The coarsest ranges of distances that the `~` constraints of the path sets tell apart.

    With causal attention no distance is negative.
    """
    cuts = {0}
    for pattern in patterns_of(path_sets):
        if pattern.back is not None:
            cuts |= {pattern.back[0], pattern.back[1] + 1}
    if cuts == {0}:
        return ((None, None),)
    ordered = sorted(cuts)
    bounded: list[BackClass] = [(least, after - 1) for least, after in pairwise(ordered)]
    before: list[BackClass] = [] if causal else [(None, ordered[0] - 1)]
    return (*before, *bounded, (ordered[-1], None))

"""Single paths, compiled all at once: what a search's frontier and a spectrum are made of.

A *chain* is a path set of one route, `x<s> -> y<t> -> ... -> logits`, each of its steps a single
node: `input -> a0.h3<v> -> a1.h5<k> -> logits`, or `a0.h3 -> a1.h5<k> -> logits` of a sender that
carries everything it computed. Its plan needs no automaton. A node of it has one version, which
reads through the chain's slots what the step before wrote, and that is a stream of its own: the
base run and one write.

Thousands of unrelated chains have little in common but their beginnings. So versions are numbered
by *beginning*: `input -> a0.h3<v>` is one, however many chains go on from it.

`compile_plan` gives the same plan, up to the order of equal parts, as it does with orbits. It is
asked only where positions and distances are not told apart.

Shapes: chain, step (logits left out; -1 after the end), beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet, Route, Steps
from pathpatch_runner.graph import Graph
from pathpatch_runner.plan.plan import SLOTS, Plan, Stage
from pathpatch_runner.plan.set_plan import BASE, PATCHED, Readings, SetPlan, Stream, Version

MASKS = 1 << SLOTS
"""A step is the number `node * MASKS + mask`; bit s of the mask: it reads through slot s."""
NOBODY = -1


def chain_plan(path_sets: Sequence[PathSet], alphabet: Alphabet) -> Plan | None:
    """The plan of path sets that are chains, all of them; None for others."""
    if len(alphabet.position_classes) > 1 or len(alphabet.back_classes) > 1 or not path_sets:
        return None
    steps = _Reader(alphabet.graph).read(path_sets)
    return None if steps is None else _Chains(alphabet, steps).plan()


class _Reader:
    """Path sets -> steps; a step set, which many chains share, is read once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[int, int] = {}

    def read(self, path_sets: Sequence[PathSet]) -> np.ndarray | None:
        """Long [chain, step]; None where one of them is no chain."""
        rows = []
        for paths in path_sets:
            if len(paths) != 1 or not isinstance(paths[0], Route) or any(paths[0].links):
                return None
            # A link that is None goes directly.
            rows.append([self._step(each) for each in paths[0].sets])
        width = max(map(len, rows))
        steps = np.array([row + [NOBODY] * (width - len(row)) for row in rows])
        return steps[:, :-1] if self._are_chains(steps) else None

    def _are_chains(self, steps: np.ndarray) -> bool:
        """Whether every step is one, each of a later stage than the one before, the last of them
        the logits; which are taken off."""
        lengths = (steps != NOBODY).sum(axis=1)
        if (steps == 0).any() or lengths.min() < 2:
            return False
        ends = (np.arange(len(steps)), lengths - 1)
        logits = steps[ends] // MASKS == self._graph.logits
        stages = np.array([*self._graph.stage_of, len(self._graph.stages)])[steps // MASKS]
        rising = (np.diff(stages, axis=1) > 0) | (steps[:, 1:] == NOBODY)
        steps[ends] = NOBODY
        return bool(logits.all() and rising.all())

    def _step(self, steps: Steps) -> int:
        """The number of a step; 0 for step sets that are more, or less, than one."""
        found = self._known.get(id(steps))
        if found is None:
            found = self._known[id(steps)] = self._number(steps)
        return found

    def _number(self, steps: Steps) -> int:
        if steps.negated or steps.crossing or len(steps.patterns) != 1:
            return 0
        (pattern,) = steps.patterns
        if pattern.is_placed or len(pattern.nodes) != 1:
            return 0
        (node,) = pattern.nodes
        names = self._graph.nodes[node].slots or ("",)
        chosen = names if pattern.slots is None else pattern.slots
        return node * MASKS + sum(1 << slot for slot, name in enumerate(names) if name in chosen)


@dataclass(frozen=True)
class _Beginnings:
    """`last` [chain]: the whole chain's. `step`: of its last step; `before`: the beginning without
    it, NOBODY where there is none. In the order of their length."""

    last: np.ndarray
    step: np.ndarray
    before: np.ndarray

    @classmethod
    def of(cls, steps: np.ndarray) -> _Beginnings:
        last = np.full(len(steps), NOBODY)
        found: list[tuple[np.ndarray, np.ndarray]] = []
        count = 0
        for column in steps.T:
            here = np.flatnonzero(column != NOBODY)
            size = int(column.max(initial=0)) + 1
            keys, number = np.unique((last[here] + 1) * size + column[here], return_inverse=True)
            found.append((keys % size, keys // size - 1))
            last[here] = count + number
            count += len(keys)
        step, before = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return cls(last, step, before)


class _Chains:
    """The plan, stage by stage. By beginning: `_writes`, the version that its node writes;
    `_streams`, what that makes of the base run."""

    def __init__(self, alphabet: Alphabet, steps: np.ndarray) -> None:
        graph = alphabet.graph
        self._alphabet = alphabet
        self._graph = graph
        self._steps = steps
        self._some = _Beginnings.of(steps)
        self._nodes = self._some.step // MASKS
        self._masks = self._some.step % MASKS
        self._stages = np.array(graph.stage_of)[self._nodes]
        whole = np.array([(1 << len(node.slots or ("",))) - 1 for node in graph.nodes])
        self._reads_all = self._masks == whole[self._nodes]
        self._writes = np.full(len(self._nodes), BASE)
        self._streams = np.full(len(self._nodes), BASE)
        self._next_version = self._next_stream = PATCHED + 1

    def plan(self) -> Plan:
        """Of all chains."""
        stages = tuple(self._stage(number) for number in range(len(self._graph.stages)))
        outputs = self._read(self._some.last, np.full(len(self._steps), len(stages) - 1))
        orbit_of, orbits = self._orbits()
        return Plan(self._alphabet, stages, outputs[:, None], orbit_of, orbits)

    def _read(self, beginnings: np.ndarray, stages: np.ndarray) -> np.ndarray:
        """The streams that readers of a stage find after beginnings. The input's is the patched
        run's to the first stage, and later ones have it continued by what base writes."""
        found = self._streams[beginnings]
        found[beginnings == NOBODY] = PATCHED
        is_input = (beginnings != NOBODY) & (self._nodes[beginnings] == 0)
        return np.where(is_input & (stages == 1), PATCHED, found)

    def _stage(self, number: int) -> Stage:
        here = np.flatnonzero(self._stages == number)
        streams = self._read(self._some.before[here], self._stages[here])
        whole = self._reads_all[here] & (streams == PATCHED)
        own = here[~whole]
        self._writes[here[whole]] = PATCHED
        first_version, first_stream = self._next_version, self._next_stream
        self._writes[own] = first_version + np.arange(len(own))
        self._next_version += len(own)
        mask = self._masks[own, None] >> np.arange(SLOTS) & 1
        reads = np.where(mask == 1, streams[~whole, None], BASE)
        parent, writes = self._written(number, here)
        self._next_stream += len(parent)
        return Stage(
            nodes=self._nodes[own],
            reads=reads[:, :, None, None],
            parent=parent,
            writes=writes[:, :, None],
            first_version=first_version,
            first_stream=first_stream,
        )

    def _written(self, number: int, here: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(parent [stream], writes [stream, node of stage]) of a stage's streams."""
        nodes = self._graph.stages[number]
        inputs = np.flatnonzero(self._nodes == 0) if number == 1 else here[:0]
        if number == 1 and not self._continued(inputs):
            inputs = here[:0]
        makers = here[:0] if number == 0 else here
        count = len(makers) + len(inputs)
        self._streams[makers] = self._next_stream + np.arange(len(makers))
        self._streams[inputs] = self._next_stream + len(makers)
        parent = np.full(count, BASE)
        parent[len(makers) :] = PATCHED
        writes = np.full((count, len(nodes)), BASE)
        writes[np.arange(len(makers)), self._nodes[makers] - nodes[0]] = self._writes[makers]
        return parent, writes

    def _continued(self, inputs: np.ndarray) -> bool:
        """Whether anybody reads the input after the first stage."""
        readers = np.isin(self._some.before, inputs) & (self._stages > 1)
        ends = np.isin(self._some.last, inputs) & (len(self._graph.stages) > 2)
        return bool(readers.any() or ends.any())

    def _orbits(self) -> tuple[np.ndarray, tuple[SetPlan, ...]]:
        """Chains that differ in the names of heads only."""
        heads = np.array(self._graph.head_numbers) >= 0
        node, mask = self._steps // MASKS, self._steps % MASKS
        stage = len(heads) + np.array(self._graph.stage_of)[node]
        alike = np.where(heads[node], stage, node) * MASKS + mask
        alike[self._steps == NOBODY] = NOBODY
        _, first, number = np.unique(alike, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        plans = [
            set_plan(self._alphabet, [step for step in row if step != NOBODY])
            for row in self._steps[first[order]].tolist()
        ]
        return rank[number.reshape(-1)], tuple(plans)


def set_plan(alphabet: Alphabet, steps: Sequence[int]) -> SetPlan:
    """The plan of one chain, as `compile_set` makes it."""
    graph = alphabet.graph
    nobody, nothing = Version(-1, ()), Stream(0, BASE, ())
    versions, streams = [nobody, nobody], [nothing, nothing]
    stream = PATCHED
    for place, step in enumerate(steps):
        node, mask = divmod(step, MASKS)
        if node == 0:
            continue
        stage, slots = graph.stage_of[node], graph.nodes[node].slots
        if place and steps[place - 1] // MASKS == 0 and stage > 1:
            streams.append(Stream(1, PATCHED, ()))
            stream = len(streams) - 1
        readings: Readings = tuple(
            ((stream if mask >> slot & 1 else BASE,),) for slot in range(len(slots))
        )
        version = PATCHED
        if stream != PATCHED or mask != (1 << len(slots)) - 1:
            versions.append(Version(node, readings))
            version = len(versions) - 1
        streams.append(Stream(stage, BASE, ((node, (version,)),)))
        stream = len(streams) - 1
    if steps[-1] // MASKS == 0 and len(graph.stages) > 2:
        streams.append(Stream(1, PATCHED, ()))
        stream = len(streams) - 1
    return SetPlan(alphabet, tuple(versions), tuple(streams), (stream,))

"""One path set, compiled: its versions and streams from its backward automaton.

The product of the automaton with the graph pairs every node with the states it is reached in. Two
passes. Downwards, from `logits`: up to which stage is each state's stream read? Upwards, from
`input`: every needed (node, state, position class) is given its version, and every (state, stage)
its stream. Versions and streams that read and write the same are one and the same, so a pair whose
every continuation carries the same prompt comes out as BASE or PATCHED by itself.

`plan.compile` calls this for one path set of each orbit, and makes the arrays of `plan.plan` of
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pathpatch_runner.expression.alphabet import Alphabet, Place, bits
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.automaton import DEAD, UNIVERSAL, Automaton
from pathpatch_runner.plan.set_plan import (
    BASE,
    PATCHED,
    Reading,
    Readings,
    SetPlan,
    Stream,
    Version,
)


def compile_set(paths: PathSet, alphabet: Alphabet, *, replace_senders: bool = False) -> SetPlan:
    """The plan of one path set.

    `replace_senders`: a path begins at its sender's write, which is PATCHED as a whole (mean
    and zero ablation), instead of at `input`.
    """
    interner = _Interner(alphabet)
    automaton = Automaton(paths, alphabet)
    output = _Compiler(automaton, alphabet, interner, replace_senders).run()
    return SetPlan(alphabet, tuple(interner.versions), tuple(interner.streams), output)


class _Interner:
    """Versions and streams by content."""

    def __init__(self, alphabet: Alphabet) -> None:
        nobody = Version(-1, ())
        nothing = Stream(0, BASE, ())
        self.versions: list[Version] = [nobody, nobody]
        self.streams: list[Stream] = [nothing, nothing]
        self._version_ids: dict[Version, int] = {}
        self._stream_ids: dict[Stream, int] = {}
        self._stages = alphabet.graph.stages
        self._n_classes = len(alphabet.position_classes)

    def version(self, node: int, readings: Readings) -> int:
        """The id of a node's version that reads these streams."""
        read = {stream for reading in readings for row in reading for stream in row}
        if read <= {BASE} or read == {PATCHED}:
            return max(read, default=BASE)
        version = Version(node, readings)
        if version not in self._version_ids:
            self._version_ids[version] = len(self.versions)
            self.versions.append(version)
        return self._version_ids[version]

    def stream(self, parent: int, stage: int, writes: dict[int, tuple[int, ...]]) -> int:
        """The id of `parent` continued by the writes of a stage."""
        if not writes and parent != PATCHED:
            return parent
        if parent == (BASE if stage == 0 else PATCHED) and self._all_patched(stage, writes):
            return PATCHED
        stream = Stream(stage, parent, tuple(sorted(writes.items())))
        if stream not in self._stream_ids:
            self._stream_ids[stream] = len(self.streams)
            self.streams.append(stream)
        return self._stream_ids[stream]

    def _all_patched(self, stage: int, writes: dict[int, tuple[int, ...]]) -> bool:
        return len(writes) == len(self._stages[stage]) and all(
            versions == (PATCHED,) * self._n_classes for versions in writes.values()
        )


@dataclass(frozen=True)
class _Live:
    """Steps from a state that stay in the set: all of them; by place and target; and the latter by
    the class written."""

    steps: int
    parts: list[tuple[Place, int, int]]
    by_class: list[list[tuple[Place, int, int]]]


class _Compiler:
    """The two passes for one path set."""

    def __init__(
        self, automaton: Automaton, alphabet: Alphabet, interner: _Interner, replace_senders: bool
    ) -> None:
        self._automaton = automaton
        self._alphabet = alphabet
        self._interner = interner
        self._replace_senders = replace_senders
        self._classes = range(len(alphabet.position_classes))
        self._backs = range(len(alphabet.back_classes))
        self._places = [
            Place(write, read, back)
            for write in self._classes
            for read in self._classes
            for back in self._backs
            if alphabet.steps_at(Place(write, read, back))
        ]
        self._streams: dict[int, int] = {}
        self._live: dict[int, _Live] = {}

    def run(self) -> tuple[int, ...]:
        """The stream that the logits read, by position class."""
        needed = self._needed_stages()
        self._streams = dict.fromkeys(needed, BASE)
        self._streams[DEAD] = BASE
        self._streams[UNIVERSAL] = PATCHED
        last = len(self._alphabet.graph.stages) - 1
        for stage in range(last):
            grown = {
                state: self._interner.stream(self._streams[state], stage, writes)
                for state, until in needed.items()
                if until > stage
                for writes in [self._writes(state, stage)]
            }
            self._streams.update(grown)
        start = self._automaton.start
        logits = self._alphabet.graph.logits
        return tuple(
            self._streams[self._target(start, place, logits)] for place in self._alphabet.same_place
        )

    def _target(self, state: int, place: Place, node: int) -> int:
        for mask, target in self._automaton.parts(state, place):
            if any(self._alphabet.steps[step][0] == node for step in bits(mask)):
                return target
        return DEAD

    def _needed_stages(self) -> dict[int, int]:
        """State -> the highest stage whose nodes read its stream."""
        stages = self._alphabet.stage_masks
        last = len(stages) - 1
        needed = {self._automaton.start: last + 1}
        for stage in range(last, 0, -1):
            for state in [state for state, until in needed.items() if until > stage]:
                live = self._alive(state)
                if not live.steps & stages[stage]:
                    continue
                for _, mask, target in live.parts:
                    if mask & stages[stage] and target != UNIVERSAL:
                        needed[target] = max(needed.get(target, 0), stage)
        return needed

    def _alive(self, state: int) -> _Live:
        """Where a state leads, without the steps that leave the set for good: those read BASE."""
        if state not in self._live:
            parts = [
                (place, mask, target)
                for place in self._places
                for mask, target in self._automaton.parts(state, place)
                if target != DEAD
            ]
            steps = 0
            for _, mask, _ in parts:
                steps |= mask
            by_class = [[part for part in parts if part[0].write == c] for c in self._classes]
            self._live[state] = _Live(steps, parts, by_class)
        return self._live[state]

    def _writes(self, state: int, stage: int) -> dict[int, tuple[int, ...]]:
        """Writes of a stage into a state's stream: node -> version by class; BASE left out."""
        if not self._alive(state).steps & self._alphabet.stage_masks[stage]:
            return {}
        by_class = [self._versions(state, stage, written) for written in self._classes]
        nodes = {node for versions in by_class for node in versions}
        return {node: tuple(versions.get(node, BASE) for versions in by_class) for node in nodes}

    def _versions(self, state: int, stage: int, written: int) -> dict[int, int]:
        """Versions other than BASE of a stage's nodes, for one position class written."""
        stage_mask = self._alphabet.stage_masks[stage]
        parts = [
            (place, mask & stage_mask, target)
            for place, mask, target in self._alive(state).by_class[written]
            if mask & stage_mask
        ]
        assembled: dict[int, Readings | None] = {}
        for alike in self._alike(stage, {mask for _, mask, _ in parts}):
            readings = self._readings(alike[0], parts, stage)
            if readings is None:
                assembled |= dict.fromkeys(alike)
            elif readings:
                assembled |= dict.fromkeys(alike, self._assemble(alike[0], written, readings))
        found = {
            node: PATCHED if each is None else self._interner.version(node, each)
            for node, each in sorted(assembled.items())
        }
        return {node: version for node, version in found.items() if version != BASE}

    def _alike(self, stage: int, masks: set[int]) -> Iterable[list[int]]:
        """The nodes of a stage, those together whose slots are in the same masks: as most heads of
        a layer are. They read the same streams."""
        groups: dict[tuple[int, ...], list[int]] = {}
        ordered = sorted(masks)
        for node in self._alphabet.graph.stages[stage]:
            own, first = self._alphabet.node_steps[node]
            # Without its place among the steps a node's part of a mask says which slots are in it.
            inside = tuple([(mask & own) >> first for mask in ordered])
            slots = self._alphabet.graph.nodes[node].slots
            groups.setdefault((len(slots), *inside), []).append(node)
        return groups.values()

    def _readings(
        self, node: int, parts: Sequence[tuple[Place, int, int]], stage: int
    ) -> dict[tuple[int, int], dict[tuple[int, int], int]] | None:
        """What the slots of a node read, by (node, slot) and (back, read); None for a node whose
        write is patched as a whole."""
        own, _ = self._alphabet.node_steps[node]
        readings: dict[tuple[int, int], dict[tuple[int, int], int]] = {}
        for place, mask, target in parts:
            if not mask & own:
                continue
            if target == UNIVERSAL and (stage == 0 or self._replace_senders):
                return None
            for step in bits(mask & own):
                read = readings.setdefault(self._alphabet.steps[step], {})
                read[place.back, place.read] = self._streams[target]
        return readings

    def _assemble(
        self, node: int, written: int, readings: dict[tuple[int, int], dict[tuple[int, int], int]]
    ) -> Readings:
        """The readings of every slot of a node, BASE where no path of the set passes."""
        assembled: list[Reading] = []
        here = self._alphabet.same_place[written]
        for slot, name in enumerate(self._alphabet.graph.nodes[node].slots):
            found = readings.get((node, slot), {})
            if name in ("k", "v"):
                assembled.append(tuple(self._row(found, written, back) for back in self._backs))
            else:
                assembled.append(((found.get((here.back, here.read), BASE),),))
        return tuple(assembled)

    def _row(self, found: dict[tuple[int, int], int], written: int, back: int) -> tuple[int, ...]:
        if self._alphabet.back_classes[back] == (0, 0):
            return (found.get((back, written), BASE),) * len(self._classes)
        return tuple(found.get((back, read), BASE) for read in self._classes)

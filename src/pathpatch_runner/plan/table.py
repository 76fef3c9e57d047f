"""A plan for very many path sets, as arrays: compiled by shape, equal parts merged.

`PlanTable` says the same as `Plan`, with versions and streams numbered from 2 in stage order
(0 is BASE, 1 is PATCHED) and held by stage:

    nodes   [version]                      the node of every version
    reads   [version, slot, back, class]   streams it reads (`q`, an MLP: entry [0, class] only)
    parent  [stream]                       the stream it continues
    writes  [stream, node of stage, class] version written, BASE where none

For a slot that reads where it writes the class is that of the position read, so that one row of
classes says everything; for `k` and `v` there is one row for every back class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.plan import BASE, PATCHED, Plan
from pathpatch_runner.plan.shapes import Shape, shapes_of

SLOTS = 3


@dataclass(frozen=True)
class StageTable:
    """Versions and streams of one stage; ids count from `first_version`, `first_stream`."""

    nodes: np.ndarray
    reads: np.ndarray
    parent: np.ndarray
    writes: np.ndarray
    first_version: int
    first_stream: int

    @property
    def version_ids(self) -> np.ndarray:
        """Ids of the stage's versions."""
        return np.arange(self.first_version, self.first_version + len(self.nodes))

    @property
    def stream_ids(self) -> np.ndarray:
        """Ids of the stage's streams."""
        return np.arange(self.first_stream, self.first_stream + len(self.parent))


@dataclass(frozen=True)
class PlanTable:
    """`stages[stage]`; `outputs` [unit, class]: the stream that a unit's logits read. `plans`:
    of the shapes' representatives."""

    alphabet: Alphabet
    shapes: tuple[Shape, ...]
    plans: tuple[Plan, ...]
    stages: tuple[StageTable, ...]
    outputs: np.ndarray

    @cached_property
    def n_versions(self) -> int:
        """Mixed node evaluations, without logits."""
        return sum(len(stage.nodes) for stage in self.stages)

    @cached_property
    def n_streams(self) -> int:
        """Mixed streams."""
        return sum(len(stage.parent) for stage in self.stages)

    @cached_property
    def mixed_evaluations(self) -> int:
        """Node evaluations the plan asks for, the logits of every mixed output among them."""
        return self.n_versions + int((np.unique(self.outputs) > PATCHED).sum())


def plan_table(
    path_sets: Sequence[PathSet], alphabet: Alphabet, *, replace_senders: bool = False
) -> PlanTable:
    """One table for many path sets, in their order."""
    shapes = shapes_of(path_sets, alphabet.graph)
    parts = [
        _Part(
            shape, compile_plan([shape.representative], alphabet, replace_senders=replace_senders)
        )
        for shape in shapes
    ]
    merger = _Merger(alphabet)
    stages = tuple(merger.stage(stage, parts) for stage in range(len(alphabet.graph.stages)))
    outputs = np.zeros((len(path_sets), len(alphabet.position_classes)), dtype=np.int64)
    for part in parts:
        for number, stream in enumerate(part.plan.outputs[0]):
            outputs[part.shape.members, number] = part.streams[stream]
    return PlanTable(alphabet, shapes, tuple(part.plan for part in parts), stages, outputs)


class _Part:
    """The plan of one shape and, by its versions and streams, the ids [member] in the table."""

    def __init__(self, shape: Shape, plan: Plan) -> None:
        self.shape = shape
        self.plan = plan
        size = len(shape.members)
        plain = {number: np.full(size, number) for number in (BASE, PATCHED)}
        self.versions: dict[int, np.ndarray] = dict(plain)
        self.streams: dict[int, np.ndarray] = dict(plain)
        stage_of = plan.graph.stage_of
        self.versions_of: dict[int, list[int]] = {}
        self.streams_of: dict[int, list[int]] = {}
        for number, version in enumerate(plan.versions[2:], start=2):
            self.versions_of.setdefault(stage_of[version.node], []).append(number)
        for number, stream in enumerate(plan.streams[2:], start=2):
            self.streams_of.setdefault(stream.stage, []).append(number)

    def nodes(self, node: int) -> np.ndarray:
        """The node [member] that plays the part of a node of the representative."""
        return self.shape.nodes[:, node]


class _Merger:
    """Gives every stage's versions and streams their ids, equal ones the same."""

    def __init__(self, alphabet: Alphabet) -> None:
        self._graph = alphabet.graph
        self._n_backs = len(alphabet.back_classes)
        self._n_classes = len(alphabet.position_classes)
        self._next_version = 2
        self._next_stream = 2

    def stage(self, stage: int, parts: Sequence[_Part]) -> StageTable:
        """The table of a stage; the parts learn the ids."""
        first_version, first_stream = self._next_version, self._next_stream
        rows = [self._version_rows(p, n) for p in parts for n in p.versions_of.get(stage, ())]
        kept, ids = _distinct(rows, 1 + SLOTS * self._n_backs * self._n_classes)
        _hand_out(
            [(p.versions, n) for p in parts for n in p.versions_of.get(stage, ())],
            rows,
            ids + first_version,
        )
        self._next_version += len(kept)
        stage_nodes = self._graph.stages[stage]
        first_node, width = stage_nodes[0], len(stage_nodes)
        streams = [
            self._stream_rows(p, n, first_node, width)
            for p in parts
            for n in p.streams_of.get(stage, ())
        ]
        lines, stream_ids = _distinct(streams, 1 + width * self._n_classes)
        _hand_out(
            [(p.streams, n) for p in parts for n in p.streams_of.get(stage, ())],
            streams,
            stream_ids + first_stream,
        )
        self._next_stream += len(lines)
        return StageTable(
            nodes=kept[:, 0],
            reads=kept[:, 1:].reshape(-1, SLOTS, self._n_backs, self._n_classes),
            parent=lines[:, 0],
            writes=lines[:, 1:].reshape(-1, width, self._n_classes),
            first_version=first_version,
            first_stream=first_stream,
        )

    def _version_rows(self, part: _Part, number: int) -> np.ndarray:
        """[member, 1 + slot * back * class]: the node, then the streams read."""
        version = part.plan.versions[number]
        size = len(part.shape.members)
        reads = np.zeros((size, SLOTS, self._n_backs, self._n_classes), dtype=np.int64)
        for slot, reading in enumerate(version.readings):
            for back, row in enumerate(reading):
                for number_read, stream in enumerate(row):
                    if len(row) == 1 and len(reading) == 1:
                        reads[:, slot] = part.streams[stream][:, None, None]
                    else:
                        reads[:, slot, back, number_read] = part.streams[stream]
        return np.concatenate([part.nodes(version.node)[:, None], reads.reshape(size, -1)], axis=1)

    def _stream_rows(self, part: _Part, number: int, first_node: int, width: int) -> np.ndarray:
        """[member, 1 + node * class]: the parent, then the versions written."""
        stream = part.plan.streams[number]
        size = len(part.shape.members)
        writes = np.zeros((size, width, self._n_classes), dtype=np.int64)
        members = np.arange(size)
        for node, versions in stream.writes:
            column = part.nodes(node) - first_node
            for number_class, version in enumerate(versions):
                writes[members, column, number_class] = part.versions[version]
        parent = part.streams[stream.parent][:, None]
        return np.concatenate([parent, writes.reshape(size, -1)], axis=1)


def _hand_out(
    targets: Sequence[tuple[dict[int, np.ndarray], int]],
    rows: Sequence[np.ndarray],
    ids: np.ndarray,
) -> None:
    """Tell every part the ids of its members' rows."""
    start = 0
    for (found, number), block in zip(targets, rows, strict=True):
        found[number] = ids[start : start + len(block)]
        start += len(block)


def _distinct(blocks: Sequence[np.ndarray], width: int) -> tuple[np.ndarray, np.ndarray]:
    """(distinct rows [n, width], number of every row's distinct one [row]), in first-seen order.

    Rows are compared through a random linear hash; that equal hashes mean equal rows is checked.
    """
    if not blocks:
        return np.zeros((0, width), dtype=np.int64), np.zeros(0, dtype=np.int64)
    rows = np.concatenate(blocks)
    factors = np.random.default_rng(width).integers(1, 2**62, size=rows.shape[1]) * 2 + 1
    hashes = (rows * factors).sum(axis=1)
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    kept, numbers = rows[first[order]], rank[inverse]
    if not np.array_equal(kept[numbers], rows):
        kept, numbers = np.unique(rows, axis=0, return_inverse=True)
        numbers = numbers.reshape(-1)
    return kept, numbers


def select_units(table: PlanTable, units: np.ndarray, classes: np.ndarray) -> PlanTable:
    """The part of a table that some units need, renumbered.

    `classes`: bool [class], where logits are evaluated; elsewhere outputs read BASE.
    """
    outputs = np.where(classes[None, :], table.outputs[units], BASE)
    wanted_streams = np.zeros(table.n_streams + 2, dtype=bool)
    wanted_versions = np.zeros(table.n_versions + 2, dtype=bool)
    wanted_streams[outputs] = True
    for stage in reversed(table.stages):
        chosen = wanted_streams[stage.stream_ids]
        wanted_streams[stage.parent[chosen]] = True
        wanted_versions[stage.writes[chosen]] = True
        used = wanted_versions[stage.version_ids]
        wanted_streams[stage.reads[used]] = True
    wanted_streams[:2] = wanted_versions[:2] = True
    stream_ids = np.cumsum(wanted_streams) - 1
    version_ids = np.cumsum(wanted_versions) - 1
    stages = []
    for stage in table.stages:
        chosen, used = wanted_streams[stage.stream_ids], wanted_versions[stage.version_ids]
        stages.append(
            StageTable(
                nodes=stage.nodes[used],
                reads=stream_ids[stage.reads[used]],
                parent=stream_ids[stage.parent[chosen]],
                writes=version_ids[stage.writes[chosen]],
                first_version=int(wanted_versions[: stage.first_version].sum()),
                first_stream=int(wanted_streams[: stage.first_stream].sum()),
            )
        )
    return dataclasses.replace(table, stages=tuple(stages), outputs=stream_ids[outputs])

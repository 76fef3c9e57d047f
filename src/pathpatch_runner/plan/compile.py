"""Compile path sets on a graph into one plan: by orbit, equal parts merged.

    path sets -> orbits -> a set plan for one member of each -> arrays for all members

The set plan of an orbit's representative serves every member, once its heads are renamed: an
operation on arrays. Stage by stage, versions that read the same streams and streams that are
written alike get one id, whichever units and orbits they come from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.plan.chains import chain_plan
from pathpatch_runner.plan.compile_set import compile_set
from pathpatch_runner.plan.orbits import Orbit, orbits_of
from pathpatch_runner.plan.plan import SLOTS, Plan, Stage
from pathpatch_runner.plan.set_plan import BASE, PATCHED, SetPlan


def compile_plan(
    path_sets: Sequence[PathSet], alphabet: Alphabet, *, replace_senders: bool = False
) -> Plan:
    """One plan for many path sets, its units in their order.

    `replace_senders`: a path begins at its sender's write, which is PATCHED as a whole (mean
    and zero ablation), instead of at `input`.
    """
    chains = None if replace_senders else chain_plan(path_sets, alphabet)
    if chains is not None:
        return chains
    parts = [
        _Part(orbit, compile_set(orbit.representative, alphabet, replace_senders=replace_senders))
        for orbit in orbits_of(path_sets, alphabet.graph)
    ]
    merger = _Merger(alphabet)
    stages = tuple(merger.stage(stage, parts) for stage in range(len(alphabet.graph.stages)))
    outputs = np.zeros((len(path_sets), len(alphabet.position_classes)), dtype=np.int64)
    orbit_of = np.zeros(len(path_sets), dtype=np.int64)
    for number, part in enumerate(parts):
        orbit_of[part.orbit.members] = number
        for number_class, stream in enumerate(part.plan.output):
            outputs[part.orbit.members, number_class] = part.streams[stream]
    return Plan(alphabet, stages, outputs, orbit_of, tuple(part.plan for part in parts))


class _Part:
    """The set plan of one orbit, and the ids [member] in the plan of its versions and streams."""

    def __init__(self, orbit: Orbit, plan: SetPlan) -> None:
        self.orbit = orbit
        self.plan = plan
        size = len(orbit.members)
        plain = {number: np.full(size, number) for number in (BASE, PATCHED)}
        self.versions: dict[int, np.ndarray] = dict(plain)
        self.streams: dict[int, np.ndarray] = dict(plain)
        stage_of = plan.alphabet.graph.stage_of
        self.versions_of: dict[int, list[int]] = {}
        self.streams_of: dict[int, list[int]] = {}
        for number, version in enumerate(plan.versions[2:], start=2):
            self.versions_of.setdefault(stage_of[version.node], []).append(number)
        for number, stream in enumerate(plan.streams[2:], start=2):
            self.streams_of.setdefault(stream.stage, []).append(number)

    def nodes(self, node: int) -> np.ndarray:
        """The node [member] that plays the part of a node of the representative."""
        return self.orbit.nodes[:, node]


class _Merger:
    """Gives every stage's versions and streams their ids, equal ones the same."""

    def __init__(self, alphabet: Alphabet) -> None:
        self._graph = alphabet.graph
        self._n_backs = len(alphabet.back_classes)
        self._n_classes = len(alphabet.position_classes)
        self._next_version = 2
        self._next_stream = 2

    def stage(self, stage: int, parts: Sequence[_Part]) -> Stage:
        """The merged stage; the parts learn the ids."""
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
        return Stage(
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
        size = len(part.orbit.members)
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
        size = len(part.orbit.members)
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

"""Where a version or stream of a plan can differ from the base run, and where it is needed.

Positions are those of a batch: a position counts if it counts in any pair. With causal attention a
change spreads to later positions only, so most prompts have a prefix in which nothing differs.
And what is needed at one position needs little: a version that is read at the last position only
must have been evaluated there, its queries and MLPs too, but its keys and values at every position
that the last one attends to. A version is evaluated where it can differ and is needed.

Boolean arrays: `[..., pos]`; `[class, pos]` says which classes occur at which positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pathpatch_runner.graph import Graph, NodeKind
from pathpatch_runner.plan.plan import Plan, Stage
from pathpatch_runner.plan.set_plan import PATCHED

Booleans = npt.NDArray[np.bool_]
KEYS_AND_VALUES = slice(1, 3)


@dataclass(frozen=True)
class BatchPositions:
    """What a batch says of positions. `differs` [pos]: where the two prompts' inputs differ.
    `classes` [class, pos]: which class occurs where; `points` [class, pos]: evaluation points."""

    differs: Booleans
    classes: Booleans
    points: Booleans

    @property
    def length(self) -> int:
        """Positions of a prompt."""
        return len(self.differs)


@dataclass(frozen=True)
class Extent:
    """`versions`, `streams` [id, pos]: where to evaluate. `support` [stream, pos]: where a stream
    can differ from base. Ids 0 and 1 are BASE and PATCHED."""

    versions: Booleans
    streams: Booleans
    support: Booleans


def extent_of(plan: Plan, positions: BatchPositions) -> Extent:
    """The extent of every version and stream of a plan on a batch."""
    support = _Support(plan, positions)
    needs = _Needs(plan, positions, support.versions)
    return Extent(
        versions=needs.versions & support.versions,
        streams=needs.streams & support.streams,
        support=support.streams,
    )


def is_attention(graph: Graph, nodes: np.ndarray) -> Booleans:
    """Which of the nodes are heads or whole attention layers."""
    kinds = np.array([node.kind in (NodeKind.head, NodeKind.attention) for node in graph.nodes])
    found: Booleans = kinds[nodes]
    return found


def groups_of(rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(row, numbers of the rows equal to it) for every distinct row of a 2-D array of booleans."""
    if len(rows) == 0:
        return
    if (rows == rows[0]).all():
        yield rows[0], np.arange(len(rows))
        return
    packed = np.packbits(rows, axis=1)
    padded = np.zeros((len(rows), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    # Bits as whole numbers: many times faster than comparing rows.
    words = padded.view(np.uint64)
    keys = words[:, 0] if words.shape[1] == 1 else padded.view(f"V{padded.shape[1]}")[:, 0]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(np.bincount(inverse))
    for number, members in zip(first.tolist(), np.split(order, ends[:-1]), strict=True):
        yield rows[number], members


def _marked(ids: np.ndarray, size: int) -> Booleans:
    """Bool [size]: which ids occur. Faster than sorting them."""
    found = np.zeros(size, dtype=bool)
    found[ids] = True
    return found


class _Support:
    """Forwards: where versions and streams can differ."""

    def __init__(self, plan: Plan, positions: BatchPositions) -> None:
        self._graph = plan.alphabet.graph
        self._positions = positions
        n_positions = positions.length
        self.versions = np.zeros((plan.n_versions + 2, n_positions), dtype=bool)
        self.streams = np.zeros((plan.n_streams + 2, n_positions), dtype=bool)
        spread = self._after(positions.differs[None])[0]
        self.versions[PATCHED] = self.streams[PATCHED] = spread
        for number, stage in enumerate(plan.stages):
            if len(stage.nodes):
                self.versions[stage.version_ids] = self._versions(stage)
            if len(stage.parent):
                self.streams[stage.stream_ids] = self._streams(stage, first=number == 0)

    def _after(self, rows: Booleans) -> Booleans:
        """Positions that attention can carry a difference to."""
        if self._graph.shape.causal:
            return np.asarray(np.logical_or.accumulate(rows, axis=-1))
        return np.broadcast_to(rows.any(-1, keepdims=True), rows.shape)

    def _versions(self, stage: Stage) -> Booleans:
        here = self._any(self.streams, stage.reads[:, :1])
        moved = self._after(self._any(self.streams, stage.reads[:, KEYS_AND_VALUES]))
        attention = is_attention(self._graph, stage.nodes)
        return np.asarray(here | (moved & attention[:, None]))

    def _any(self, support: Booleans, ids: np.ndarray) -> Booleans:
        """[n, pos]: where any of `ids` [n, ..., class] differs, each class only where it occurs."""
        found = np.zeros((len(ids), support.shape[1]), dtype=bool)
        # Column by column: many times faster than reducing one large array over short axes.
        for column in np.ndindex(ids.shape[1:]):
            found |= support[ids[(slice(None), *column)]] & self._positions.classes[column[-1]]
        return found

    def _streams(self, stage: Stage, *, first: bool) -> Booleans:
        written = self._any(self.versions, stage.writes)
        if first:
            written &= self._positions.differs
        return np.asarray(self.streams[stage.parent] | written)


class _Needs:
    """Backwards: where versions and streams are needed."""

    def __init__(self, plan: Plan, positions: BatchPositions, support: Booleans) -> None:
        self._graph = plan.alphabet.graph
        self._positions = positions
        self._support = support
        self.versions = np.zeros_like(support)
        self.streams = np.zeros((plan.n_streams + 2, support.shape[1]), dtype=bool)
        for number, points in enumerate(positions.points):
            self.streams[_marked(plan.outputs[:, number], len(self.streams))] |= points
        for stage in reversed(plan.stages):
            self._spread_streams(stage)
            self._spread_versions(stage)

    def _spread_streams(self, stage: Stage) -> None:
        ids = stage.stream_ids
        for needed, members in groups_of(self.streams[ids]):
            if needed.any():
                self.streams[_marked(stage.parent[members], len(self.streams))] |= needed
                for number, here in enumerate(self._positions.classes):
                    written = stage.writes[members, :, number]
                    self.versions[_marked(written, len(self.versions))] |= needed & here

    def _spread_versions(self, stage: Stage) -> None:
        ids = stage.version_ids
        evaluated = self.versions[ids] & self._support[ids]
        for needed, members in groups_of(evaluated):
            if not needed.any():
                continue
            reach = self._before(needed)
            for number, here in enumerate(self._positions.classes):
                reads = stage.reads[members, :, :, number]
                size = len(self.streams)
                self.streams[_marked(reads[:, 0], size)] |= needed & here
                self.streams[_marked(reads[:, KEYS_AND_VALUES], size)] |= reach & here

    def _before(self, needed: Booleans) -> Booleans:
        """Positions whose keys and values the needed positions attend to."""
        if self._graph.shape.causal:
            return np.asarray(np.logical_or.accumulate(needed[::-1])[::-1])
        return np.ones_like(needed)

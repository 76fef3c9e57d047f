"""Which streams are made as sums of writes, instead of being continued stage by stage.

A stream is its parent and the writes of one stage, so there are two ways to make it:

    continued   its parent, and the changes of heads times their output matrices, added at once.
    summed      every write of a unit is made once, in d_model, and kept. A stream that somebody
                reads is a 0/1 combination of all writes of its *lineage* (itself, its parent, the
                parent's parent ...): a row of one matrix product. Ancestors that nobody reads are
                never made.

In a family each version is written into a stream or two, and continuing is cheaper. In a circuit
every slot reads a stream of its own, all made of the same writes. An example: `x` reads what the
heads a, b write, `y` what a, b, c write, `z` what a, c write; c is of a later stage than a and b.

                continued                           summed
    x, y   ab   a and b times matrices              a, b, c times matrices    rows of the product
    y      abc  ab + c times matrix                 x    1  1  0
    z      a    a times matrix, read by nobody      y    1  1  1
    z      ac   a + c times matrix                  z    1  0  1

A stream belongs to the first unit that needs it. Either all streams of a unit are continued or all
are summed, whichever takes fewer multiply-adds. For each entry of d_model and each position, a
head's write takes d_head; an MLP's or the input's, a copy of a stream, and a term of a sum take 1.

    continued   every stream: 1, and its writes                                  (`continued_adds`)
    summed      every write once; every stream that is read: 1, and as many terms as there are
                writes so far, zeros too                                     (`sum_adds`)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pathpatch_runner.graph import Graph, NodeKind
from pathpatch_runner.plan.extent import Extent
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.set_plan import BASE, PATCHED

WHOLE = -1
"""In place of a node: the patched run's stream before a stage, which some streams continue."""
LEAST_USES = 2
"""Units whose writes go into fewer streams than this, on average, are continued without further
counting: there is little to gain."""


@dataclass(frozen=True)
class Sum:
    """The summed streams of one unit.

    `stages`, `nodes`, `versions` [row]: the writes, by stage; version PATCHED is the patched run's.
    `streams`, `born` [n]: the streams made, and after which stage. `takes`: bool [n, row, class],
    the writes that a stream is the sum of. `positions`: bool [pos], where any of the streams is.
    """

    stages: np.ndarray
    nodes: np.ndarray
    versions: np.ndarray
    streams: np.ndarray
    born: np.ndarray
    takes: np.ndarray
    positions: np.ndarray

    def until(self, stage: int) -> int:
        """How many rows are of this stage or an earlier one."""
        return int(np.searchsorted(self.stages, stage, side="right"))

    @cached_property
    def last(self) -> int:
        """The stage after which the last stream is made: then nobody wants the writes any more."""
        return int(self.born.max())

    @cached_property
    def by_class(self) -> bool:
        """Whether any stream takes a write at some position classes only."""
        return bool((self.takes != self.takes[:, :, :1]).any())


@dataclass(frozen=True)
class Sums:
    """`summed` [stream]: streams that are not continued; those of them that somebody reads are in
    `sums`."""

    summed: np.ndarray
    sums: tuple[Sum, ...]


def sums_of(plan: Plan, extent: Extent) -> Sums:
    """The units of a plan whose streams are cheaper to sum than to continue."""
    summed = np.zeros(plan.n_streams + 2, dtype=bool)
    read = _read(plan)
    if read[2:].all():
        return Sums(summed, ())
    owner = _owners(plan)
    kept = read | _shared(plan, owner)
    kept[:2] = False
    continued = _continued(plan, extent, owner)
    found = []
    for unit in _candidates(plan, owner, owner[~read]).tolist():
        streams = np.flatnonzero(kept & (owner == unit) & extent.streams.any(axis=1))
        if len(streams):
            one = _sum_of(plan, extent, streams)
            if _multiply_adds(plan.alphabet.graph, extent, one) < continued[unit]:
                found.append(one)
                summed |= owner == unit
    return Sums(summed, tuple(found))


def kept_writes(sums: Sums, stage: int) -> int:
    """Rows of d_model that the writes of all sums take at a stage, for a pair of prompts."""
    alive = [one for one in sums.sums if one.stages[0] <= stage <= one.last]
    return sum(len(one.stages) * int(one.positions.sum()) for one in alive)


def _read(plan: Plan) -> np.ndarray:
    """Bool [stream]: read by a version or the logits."""
    read = np.zeros(plan.n_streams + 2, dtype=bool)
    read[:2] = True
    read[plan.outputs] = True
    for stage in plan.stages:
        read[stage.reads] = True
    return read


def _owners(plan: Plan) -> np.ndarray:
    """[stream]: the first unit that needs it."""
    streams = np.full(plan.n_streams + 2, plan.n_units)
    versions = np.full(plan.n_versions + 2, plan.n_units)
    np.minimum.at(streams, plan.outputs, np.arange(plan.n_units)[:, None])
    for stage in reversed(plan.stages):
        here = streams[stage.stream_ids]
        np.minimum.at(streams, stage.parent, here)
        np.minimum.at(versions, stage.writes, here[:, None, None])
        np.minimum.at(streams, stage.reads, versions[stage.version_ids][:, None, None, None])
    streams[:2] = plan.n_units
    return streams


def _shared(plan: Plan, owner: np.ndarray) -> np.ndarray:
    """Bool [stream]: continued by a stream of another unit, which may not be summed."""
    shared = np.zeros(len(owner), dtype=bool)
    for stage in plan.stages:
        shared[stage.parent[owner[stage.parent] != owner[stage.stream_ids]]] = True
    return shared


def _continued(plan: Plan, extent: Extent, owner: np.ndarray) -> np.ndarray:
    """[unit]: multiply-adds, for an entry of d_model, of continuing all its streams."""
    total = np.zeros(plan.n_units + 1)
    for number, stage in enumerate(plan.stages):
        size = continued_adds(plan, number, extent)
        total += np.bincount(owner[stage.stream_ids], size, minlength=len(total))
    return total


def continued_adds(plan: Plan, number: int, extent: Extent) -> np.ndarray:
    """[stream of a stage]: multiply-adds, for an entry of d_model, of continuing its parent."""
    graph, stage = plan.alphabet.graph, plan.stages[number]
    wrote = (stage.writes != BASE).any(axis=2)
    widths = _widths(graph)[list(graph.stages[number])]
    adds: np.ndarray = (1 + wrote @ widths) * extent.streams[stage.stream_ids].sum(axis=1)
    return adds


def _candidates(plan: Plan, owner: np.ndarray, idle: np.ndarray) -> np.ndarray:
    """Those of the units `idle` (which own streams that nobody reads) whose writes go into several
    streams each."""
    chosen = np.zeros(plan.n_units + 1, dtype=bool)
    chosen[idle] = True
    chosen[-1] = False
    uses, writes = np.zeros(len(chosen)), np.zeros(len(chosen))
    n_versions = plan.n_versions + 2
    for stage in plan.stages:
        unit = owner[stage.stream_ids]
        stream, node, number_class = np.nonzero((stage.writes != BASE) & chosen[unit, None, None])
        version = stage.writes[stream, node, number_class]
        keys = (unit[stream] * stage.writes.shape[1] + node) * n_versions + version
        distinct = np.unique(keys) // (n_versions * stage.writes.shape[1])
        uses += np.bincount(unit[stream], minlength=len(chosen))
        writes += np.bincount(distinct, minlength=len(chosen))
    return np.flatnonzero(chosen & (uses >= LEAST_USES * writes))


def _widths(graph: Graph) -> np.ndarray:
    """[node]: multiply-adds of a write, for an entry of d_model."""
    head = graph.shape.d_head
    return np.array([head if node.kind is NodeKind.head else 1 for node in graph.nodes])


def sum_adds(graph: Graph, extent: Extent, one: Sum) -> tuple[np.ndarray, np.ndarray]:
    """Multiply-adds, for an entry of d_model, of each write [row] and each stream [n] of a sum."""
    widths = np.append(_widths(graph), 1)
    writes = widths[one.nodes] * one.positions.sum()
    terms = np.searchsorted(one.stages, one.born, side="right")
    products = one.takes.shape[2] if one.by_class else 1
    return writes, (1 + terms * products) * extent.streams[one.streams].sum(axis=1)


def _multiply_adds(graph: Graph, extent: Extent, one: Sum) -> float:
    """Multiply-adds, for an entry of d_model, of making the writes and the streams of a sum."""
    return float(sum(part.sum() for part in sum_adds(graph, extent, one)))


def _sum_of(plan: Plan, extent: Extent, streams: np.ndarray) -> Sum:
    """The sum that makes `streams` [n], which are in the order of their numbers."""
    lineage = _lineage(plan, streams)
    entries = [_entries(plan, number, here) for number, here in lineage]
    keys, rows = np.unique(np.concatenate([e.keys for e in entries]), return_inverse=True)
    every = np.concatenate([here for _, here in lineage])
    takes = np.zeros((len(every), len(keys), plan.n_classes), dtype=bool)
    start = 0
    for (number, here), entry in zip(lineage, entries, strict=True):
        parent = plan.stages[number].parent[here - plan.stages[number].first_stream]
        mixed = parent > PATCHED
        takes[np.searchsorted(every, here[mixed])] = takes[np.searchsorted(every, parent[mixed])]
        some = rows[start : start + len(entry.keys)]
        takes[np.searchsorted(every, entry.streams), some, entry.classes] = True
        start += len(some)
    stage_node, versions = np.divmod(keys, plan.n_versions + 2)
    stages, nodes = np.divmod(stage_node, len(plan.alphabet.graph.nodes) + 1)
    born = np.concatenate([np.full(len(here), number) for number, here in lineage])
    kept = np.searchsorted(every, streams)
    return Sum(
        stages=stages,
        nodes=nodes + WHOLE,
        versions=versions,
        streams=streams,
        born=born[kept],
        takes=takes[kept],
        positions=extent.streams[streams].any(axis=0),
    )


def _lineage(plan: Plan, streams: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """(stage, streams of it), by stage: `streams` and all that they continue."""
    found = []
    for number in reversed(range(len(plan.stages))):
        stage = plan.stages[number]
        here = streams[streams >= stage.first_stream]
        if len(here):
            found.append((number, here))
            parents = stage.parent[here - stage.first_stream]
            streams = np.union1d(streams[streams < stage.first_stream], parents[parents > PATCHED])
    return found[::-1]


@dataclass(frozen=True)
class _Entries:
    """Which streams [entry] take which writes at which classes; `keys` number the writes by stage,
    node and version."""

    streams: np.ndarray
    keys: np.ndarray
    classes: np.ndarray


def _entries(plan: Plan, number: int, streams: np.ndarray) -> _Entries:
    """What a stage writes into some of its streams, and the patched stream that some continue."""
    stage, graph = plan.stages[number], plan.alphabet.graph
    rows = streams - stage.first_stream
    stream, node, number_class = np.nonzero(stage.writes[rows] != BASE)
    versions = stage.writes[rows[stream], node, number_class]
    whole = np.repeat(streams[stage.parent[rows] == PATCHED], plan.n_classes)
    of_node = np.append(node + graph.stages[number][0], np.full(len(whole), WHOLE))
    at = number * (len(graph.nodes) + 1) + of_node - WHOLE
    return _Entries(
        streams=np.append(streams[stream], whole),
        keys=at * (plan.n_versions + 2) + np.append(versions, np.full(len(whole), PATCHED)),
        classes=np.append(number_class, np.arange(len(whole)) % plan.n_classes),
    )

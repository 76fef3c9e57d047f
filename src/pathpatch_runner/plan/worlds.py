"""Lay a plan out on the batch axis of one forward pass: streams as worlds, versions at homes.

A *world* is an entry of the batch with a residual stream of its own. World 0 is the base run,
world 1 the patched run, every other world holds streams of the plan.

    A stream and one that continues it are equal up to the stage where the continuation begins. If
    the first has no reader after that, both can live in one world: `s2` until then, `s5` from
    then on. Of several continuations only one can share it.

A version is computed where a forward pass computes its node anyway: in some world, after the
queries, keys and values there have been overwritten by those of the streams that it reads. That
world is the version's *home*. Heads of one key/value group share keys and values, so two versions
have the same home only if they are of different heads and, within a group, read the same keys and
values. A head that reads other keys or values by distance has a home for each range of distances,
and its attention scores are put together from all of them (`ByDistance`).

Afterwards every world receives, node by node, the versions that its stream holds. All of this is
copying between worlds: `Copy` says to which world, which head, and from which world.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.graph import Graph, Node, NodeKind
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.set_plan import BASE, PATCHED

Sources = tuple[int, ...]
"""The world copied from, by position class."""


@dataclass(frozen=True)
class Copy:
    """Overwrite `head` (query head, key/value head; 0 for an MLP) of `world` by `sources`."""

    world: int
    head: int
    sources: Sources


@dataclass(frozen=True)
class ByDistance:
    """A head whose keys or values depend on the distance: `homes[b]` computed those of back
    class b; the result goes to `homes[0]`."""

    head: int
    homes: tuple[int, ...]


@dataclass(frozen=True)
class LayerCopies:
    """What the hooks of one layer do. Copies of a world from itself are left out."""

    q: tuple[Copy, ...] = ()
    k: tuple[Copy, ...] = ()
    v: tuple[Copy, ...] = ()
    by_distance: tuple[ByDistance, ...] = ()
    z: tuple[Copy, ...] = ()
    mlp: tuple[Copy, ...] = ()


@dataclass(frozen=True)
class Worlds:
    """`inputs[world][class]`: 0 base, 1 patched prompt. `outputs[unit][class]`: world."""

    count: int
    inputs: tuple[Sources, ...]
    layers: tuple[LayerCopies, ...]
    outputs: tuple[Sources, ...]


def lay_out(plan: Plan) -> Worlds:
    """The worlds of a plan."""
    streams = _Streams(plan)
    layouts = [_Layer(plan, streams, layer) for layer in range(plan.alphabet.graph.shape.n_layers)]
    count = max([streams.n_worlds, *(layout.count for layout in layouts)])
    inputs = [streams.written(world, 0, 0) for world in range(count)]
    return Worlds(
        count=count,
        inputs=tuple(inputs),
        layers=tuple(layout.copies() for layout in layouts),
        outputs=tuple(tuple(streams.world[output].tolist()) for output in plan.outputs),
    )


class _Streams:
    """Which world every stream lives in, and which versions a world's stream holds.

    `world` [stream]; `n_worlds`: worlds that hold streams, the two plain ones among them.
    """

    def __init__(self, plan: Plan) -> None:
        size = plan.n_streams + 2
        self._plan = plan
        self._stage = np.zeros(size, dtype=np.int64)
        self._parent = np.zeros(size, dtype=np.int64)
        for number, stage in enumerate(plan.stages):
            self._stage[stage.stream_ids] = number
            self._parent[stage.stream_ids] = stage.parent
        self.world = self._worlds(self._shared())
        self.n_worlds = int(self.world.max()) + 1
        # A world's last stream: those before it are what it continues.
        self._last = np.zeros(self.n_worlds, dtype=np.int64)
        np.maximum.at(self._last, self.world, np.arange(size))

    def _shared(self) -> dict[int, int]:
        """Stream -> the continuation that shares its world: of those that begin when the stream
        has no more readers, the one that begins last (the others leave the world earlier)."""
        last_read = self._last_reads()
        shared: dict[int, int] = {}
        for stream in range(len(self._parent) - 1, PATCHED, -1):
            parent = int(self._parent[stream])
            if parent > PATCHED and self._stage[stream] >= last_read[parent]:
                current = shared.get(parent)
                if current is None or self._stage[current] < self._stage[stream]:
                    shared[parent] = stream
        return shared

    def _last_reads(self) -> np.ndarray:
        """[stream]: the highest stage that reads it, 0 where none does."""
        last = np.zeros(len(self._parent), dtype=np.int64)
        for number, stage in enumerate(self._plan.stages):
            last[stage.reads] = number
        last[self._plan.outputs] = len(self._plan.stages) - 1
        return last

    def _worlds(self, shared: dict[int, int]) -> np.ndarray:
        world = np.arange(len(self._parent))
        count = 2
        for stream in range(len(self._parent) - 1, PATCHED, -1):
            if stream in shared:
                world[stream] = world[shared[stream]]
            else:
                world[stream] = count
                count += 1
        return world

    def written(self, world: int, stage: int, node: int) -> Sources:
        """The versions of a node, by position class, that the stream of a world holds. Worlds
        that are only homes hold the base run."""
        n_classes = self._plan.n_classes
        stream = int(self._last[world]) if world < self.n_worlds else BASE
        while stream > PATCHED and self._stage[stream] > stage:
            stream = int(self._parent[stream])
        if stream <= PATCHED:
            return (stream,) * n_classes
        if self._stage[stream] < stage:
            return (BASE,) * n_classes
        there = self._plan.stages[stage]
        column = node - self._plan.alphabet.graph.stages[stage][0]
        return tuple(there.writes[stream - there.first_stream, column].tolist())


class _Layer:
    """Homes and copies of one layer."""

    def __init__(self, plan: Plan, streams: _Streams, layer: int) -> None:
        self._plan = plan
        self._graph = plan.alphabet.graph
        self._streams = streams
        self._nodes = _nodes_of_layer(self._graph, layer)
        shape = self._graph.shape
        self._group_size = shape.n_heads // shape.n_kv
        self._q: list[Copy] = []
        self._kv: dict[tuple[int, int], tuple[Sources, Sources]] = {}
        self._busy: set[tuple[int, int]] = set()
        # (version, head) -> world; an MLP has head 0.
        self._home: dict[tuple[int, int], int] = {}
        self._by_distance: list[ByDistance] = []
        self.count = streams.n_worlds
        for number, node, reads in self._versions():
            heads = _heads(self._graph, self._graph.nodes[node])
            if not heads:
                self._home[number, 0] = int(streams.world[reads[0, 0, 0]])
            for head in heads:
                self._place(number, head, streams.world[reads])

    def _versions(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """(id, node, streams read [slot, back, class]) of the layer's versions."""
        for number in sorted({self._graph.stage_of[node] for node in self._nodes}):
            stage = self._plan.stages[number]
            yield from zip(
                stage.version_ids.tolist(), stage.nodes.tolist(), stage.reads, strict=True
            )

    def _place(self, number: int, head: int, reads: np.ndarray) -> None:
        """Give the version of a head its homes. `reads`: worlds [slot, back, class]."""
        rows = [
            (tuple(keys), tuple(values))
            for keys, values in zip(reads[1].tolist(), reads[2].tolist(), strict=True)
        ]
        if len(set(rows)) == 1:
            rows = rows[:1]
        homes = tuple(self._claim(head, row) for row in rows)
        query = (int(reads[0, 0, 0]),) * self._plan.n_classes
        self._q += [Copy(home, head, query) for home in homes]
        if len(homes) > 1:
            self._by_distance.append(ByDistance(head, homes))
        self._home[number, head] = homes[0]

    def _claim(self, head: int, row: tuple[Sources, Sources]) -> int:
        """The first world past the two plain ones whose group is free or holds the same row."""
        group = head // self._group_size
        world = 2
        while (world, head) in self._busy or self._kv.get((world, group), row) != row:
            world += 1
        self._busy.add((world, head))
        self._kv[world, group] = row
        self.count = max(self.count, world + 1)
        return world

    def copies(self) -> LayerCopies:
        """The layer's copies."""
        keys = [Copy(world, group, row[0]) for (world, group), row in self._kv.items()]
        values = [Copy(world, group, row[1]) for (world, group), row in self._kv.items()]
        z, mlp = [], []
        for node in self._nodes:
            heads = _heads(self._graph, self._graph.nodes[node])
            for head in heads:
                z += self._written(node, head)
            if not heads:
                mlp += self._written(node, 0)
        return LayerCopies(
            q=_without_idle(self._q),
            k=_without_idle(keys),
            v=_without_idle(values),
            by_distance=tuple(self._by_distance),
            z=_without_idle(z),
            mlp=_without_idle(mlp),
        )

    def _written(self, node: int, head: int) -> list[Copy]:
        """What every world receives of a node (of one head of it)."""
        stage = self._graph.stage_of[node]
        found = []
        for world in range(2, self.count):
            versions = self._streams.written(world, stage, node)
            homes = [v if v <= PATCHED else self._home[v, head] for v in versions]
            found.append(Copy(world, head, tuple(homes)))
        return found


def _without_idle(copies: list[Copy]) -> tuple[Copy, ...]:
    return tuple(copy for copy in copies if any(source != copy.world for source in copy.sources))


def _nodes_of_layer(graph: Graph, layer: int) -> list[int]:
    return [index for index, node in enumerate(graph.nodes) if node.layer == layer]


def _heads(graph: Graph, node: Node) -> range:
    """Heads a node consists of: one, all of its layer, or (not attention) none."""
    if node.kind is NodeKind.head:
        return range(node.head, node.head + 1)
    return range(graph.shape.n_heads) if node.kind is NodeKind.attention else range(0)

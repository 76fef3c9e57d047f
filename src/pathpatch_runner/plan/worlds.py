"""Lay a plan out on the batch axis of one forward pass: streams as worlds, versions at homes.

A *world* is an entry of the batch whose residual stream is one of the plan's streams (a stream
and a later continuation of it share a world where no reader needs them apart). World 0 is the
base run, world 1 the patched run. A head's version is computed at its *homes*: the (world,
key/value group) places whose queries, keys and values are overwritten by those of the streams
it reads; one home, or one for each row of keys and values where these depend on the distance.
Afterwards every world receives, head by head, the versions that its stream holds. All of it is
copying between worlds: `Copy` rows say to where, which head, and from where by position class.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathpatch_runner.graph import Graph, Node, NodeKind
from pathpatch_runner.plan.plan import BASE, PATCHED, Plan, Version

Sources = tuple[int, ...]
"""The world copied from, by position class."""


@dataclass(frozen=True)
class Copy:
    """Overwrite `head` (query head, key/value head; 0 for an MLP) of `world` by `sources`."""

    world: int
    head: int
    sources: Sources


@dataclass(frozen=True)
class Mixture:
    """A head whose keys or values depend on the distance: `homes[b]` computed those of back
    class b; the result goes to `homes[0]`."""

    head: int
    homes: tuple[int, ...]


@dataclass(frozen=True)
class LayerCopies:
    """What the hooks of one layer do. Each tuple leaves out copies from a place to itself."""

    q: tuple[Copy, ...] = ()
    k: tuple[Copy, ...] = ()
    v: tuple[Copy, ...] = ()
    mixtures: tuple[Mixture, ...] = ()
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
    owner = _owners(plan)
    streams = [BASE, PATCHED, *(s for s, w in sorted(owner.items(), key=_by_world) if s > PATCHED)]
    leaves = _leaves(streams, owner)
    layouts = [_Layer(plan, owner, leaves, layer) for layer in range(plan.graph.shape.n_layers)]
    count = max([len(leaves), *(layout.count for layout in layouts)])
    n_classes = len(plan.position_classes)
    inputs = [_written(plan, leaf, 0, 0, n_classes) for leaf in leaves]
    inputs += [(BASE,) * n_classes] * (count - len(leaves))
    return Worlds(
        count=count,
        inputs=tuple(inputs),
        layers=tuple(layout.copies() for layout in layouts),
        outputs=tuple(tuple(owner[stream] for stream in output) for output in plan.outputs),
    )


def _by_world(item: tuple[int, int]) -> tuple[int, int]:
    return item[1], item[0]


def _leaves(streams: list[int], owner: dict[int, int]) -> list[int]:
    """The longest stream of every world, by world."""
    leaves = [BASE] * (max(owner.values()) + 1)
    for stream in sorted(streams):
        leaves[owner[stream]] = stream
    return leaves


def _last_reads(plan: Plan) -> dict[int, int]:
    """Stream -> the highest stage that reads it."""
    stage_of = plan.graph.stage_of
    last: dict[int, int] = {}
    for number, version in enumerate(plan.versions[2:], start=2):
        for stream in plan.reads(number):
            last[stream] = max(last.get(stream, 0), stage_of[version.node])
    for output in plan.outputs:
        for stream in output:
            last[stream] = stage_of[plan.graph.logits]
    return last


def _owners(plan: Plan) -> dict[int, int]:
    """Stream -> world. A stream lives in the world of the continuation that begins latest, if
    that is not before its last reader; else in its own."""
    last = _last_reads(plan)
    heir: dict[int, int] = {}
    for number in range(len(plan.streams) - 1, PATCHED, -1):
        parent = plan.streams[number].parent
        stage = plan.streams[number].stage
        if parent > PATCHED and stage >= last.get(parent, 0):
            current = heir.get(parent)
            if current is None or plan.streams[current].stage < stage:
                heir[parent] = number
    owner = {BASE: 0, PATCHED: 1}
    count = 2
    for number in range(len(plan.streams) - 1, PATCHED, -1):
        if number in heir:
            owner[number] = owner[heir[number]]
        else:
            owner[number] = count
            count += 1
    return owner


def _written(plan: Plan, leaf: int, stage: int, node: int, n_classes: int) -> Sources:
    """Versions by position class that the stream `leaf` holds of a node."""
    if leaf <= PATCHED:
        return (leaf,) * n_classes
    first_own = leaf
    for stream in plan.lineage(leaf):
        first_own = stream
        if plan.streams[stream].stage == stage:
            return dict(plan.streams[stream].writes).get(node, (BASE,) * n_classes)
    trunk = plan.root(leaf) if stage < plan.streams[first_own].stage else BASE
    return (trunk,) * n_classes


class _Layer:
    """Homes and copies of one layer."""

    def __init__(self, plan: Plan, owner: dict[int, int], leaves: list[int], layer: int) -> None:
        self._plan = plan
        self._owner = owner
        self._leaves = leaves
        self._nodes = _nodes_of_layer(plan.graph, layer)
        shape = plan.graph.shape
        self._group_size = shape.n_heads // shape.n_kv
        self._classes = len(plan.position_classes)
        self._q: list[Copy] = []
        self._kv: dict[tuple[int, int], tuple[Sources, Sources]] = {}
        self._busy: set[tuple[int, int]] = set()
        self._home: dict[tuple[int, int], int] = {}
        self._mixtures: list[Mixture] = []
        self.count = len(leaves)
        versions = [(i, v) for i, v in enumerate(plan.versions) if v.node in self._nodes]
        for number, version in versions:
            for head in _heads(plan.graph, plan.graph.nodes[version.node]):
                self._place(number, version, head)

    def _place(self, number: int, version: Version, head: int) -> None:
        """Give the version of a head its homes."""
        query = self._owner[version.readings[0][0][0]]
        keys = [tuple(self._owner[s] for s in row) for row in version.readings[1]]
        values = [tuple(self._owner[s] for s in row) for row in version.readings[2]]
        rows = list(zip(keys, values, strict=True))
        if len(set(rows)) == 1:
            rows = rows[:1]
        homes = tuple(self._claim(head, row) for row in rows)
        for home in homes:
            self._q.append(Copy(home, head, (query,) * self._classes))
        if len(homes) > 1:
            self._mixtures.append(Mixture(head, homes))
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
        return LayerCopies(
            q=_without_idle(self._q),
            k=_without_idle(keys),
            v=_without_idle(values),
            mixtures=tuple(self._mixtures),
            z=_without_idle(self._z_copies()),
            mlp=_without_idle(self._mlp_copies()),
        )

    def _z_copies(self) -> list[Copy]:
        found = []
        for node in self._nodes:
            for head in _heads(self._plan.graph, self._plan.graph.nodes[node]):
                for world in range(2, self.count):
                    sources = tuple(
                        version if version <= PATCHED else self._home[version, head]
                        for version in self._versions_in(world, node)
                    )
                    found.append(Copy(world, head, sources))
        return found

    def _mlp_copies(self) -> list[Copy]:
        plan = self._plan
        found = []
        for node in self._nodes:
            if plan.graph.nodes[node].kind is NodeKind.mlp:
                for world in range(2, self.count):
                    sources = tuple(
                        version
                        if version <= PATCHED
                        else self._owner[plan.versions[version].readings[0][0][0]]
                        for version in self._versions_in(world, node)
                    )
                    found.append(Copy(world, 0, sources))
        return found

    def _versions_in(self, world: int, node: int) -> Sources:
        leaf = self._leaves[world] if world < len(self._leaves) else BASE
        stage = self._plan.graph.stage_of[node]
        return _written(self._plan, leaf, stage, node, self._classes)


def _without_idle(copies: list[Copy]) -> tuple[Copy, ...]:
    return tuple(copy for copy in copies if any(source != copy.world for source in copy.sources))


def _nodes_of_layer(graph: Graph, layer: int) -> list[int]:
    return [index for index, node in enumerate(graph.nodes) if node.layer == layer]


def _heads(graph: Graph, node: Node) -> range:
    """Heads a node consists of: one, all of its layer, or (not attention) none."""
    if node.kind is NodeKind.head:
        return range(node.head, node.head + 1)
    return range(graph.shape.n_heads) if node.kind is NodeKind.attention else range(0)

"""A plan that must reproduce a plain run, for the guards.

Three copies of the whole residual stream; every node has three versions, and each reads its
queries, keys and values from three different copies. Nothing is short-cut, every kind of copy
between worlds is made, and yet every stream must come out as the plain run it started from.
"""

from __future__ import annotations

from pathpatch_runner.graph import Graph
from pathpatch_runner.plan.plan import Plan, Reading, Stream, Version

COPIES = 3


def forced_plan(graph: Graph, prompt: int) -> Plan:
    """`prompt`: BASE or PATCHED, the run that all copies start from. One unit, the first copy."""
    nobody, nothing = Version(-1, ()), Stream(0, 0, ())
    versions: list[Version] = [nobody, nobody]
    streams: list[Stream] = [nothing, nothing]
    current: list[int] = []
    for _ in range(COPIES):
        streams.append(Stream(0, 0, ((0, (prompt,)),)))
        current.append(len(streams) - 1)
    for stage, nodes in enumerate(graph.stages[1:-1], start=1):
        grown = []
        for copy in range(COPIES):
            writes = []
            for node in nodes:
                versions.append(Version(node, _readings(graph, node, copy, current)))
                writes.append((node, (len(versions) - 1,)))
            streams.append(Stream(stage, current[copy], tuple(writes)))
            grown.append(len(streams) - 1)
        current = grown
    return Plan(
        graph=graph,
        position_classes=(frozenset(),),
        back_classes=((None, None),),
        versions=tuple(versions),
        streams=tuple(streams),
        outputs=((current[0],),),
    )


def _readings(graph: Graph, node: int, copy: int, current: list[int]) -> tuple[Reading, ...]:
    slots = range(len(graph.nodes[node].slots))
    return tuple((((current[(copy + slot + 1) % COPIES],),)) for slot in slots)

"""What the steps of an expression are on the grid: the nodes that each may be at, and its label.

A step is a set of patterns: `{a1.h5<k>, m0}` may be at two nodes, and says of one of them through
which slot it reads.
"""

from __future__ import annotations

from pathpatch_runner.expression.ast import Route, StepPattern, Steps
from pathpatch_runner.graph import Graph

EVERYTHING = Steps(())
"""Between two steps: through any nodes."""


def nodes_of(graph: Graph, steps: Steps) -> list[int]:
    """All nodes that a step may be at, lowest first."""
    named = {node for pattern in steps.patterns for node in pattern.nodes}
    if steps.negated:
        partly = {n for p in steps.patterns if _constrained(p) for n in p.nodes}
        return [n for n in range(1, graph.logits) if n not in named or n in partly]
    return sorted(named)


def _constrained(pattern: StepPattern) -> bool:
    return any((pattern.slots, pattern.write, pattern.read, pattern.back))


def without_streams(route: Route) -> Route:
    """The route's steps alone; the links on both sides of a stream become one."""
    sets: list[Steps] = []
    links: list[Steps | None] = []
    waiting: list[Steps | None] = []
    for steps, link in zip(route.sets, [*route.links, None], strict=True):
        if steps.crossing and not sets:
            sets.append(Steps((StepPattern(frozenset({0})),)))
            waiting = [EVERYTHING]
        elif not steps.crossing:
            if sets:
                links.append(next((each for each in waiting if each is not None), None))
            sets.append(steps)
            waiting = []
        waiting.append(link)
    return Route(tuple(sets), tuple(links))


def label_of(pattern: StepPattern) -> str:
    """As an expression has it: "k", "v~1", "q@S1 @end"."""
    slots = "" if pattern.slots is None else ",".join(sorted(pattern.slots, key="qkv".find))
    if pattern.read is not None:
        slots += f"@{pattern.read}"
    if pattern.back is not None:
        least, most = pattern.back
        slots += f"~{least}" if least == most else f"~{least}-{most}"
    return " ".join(filter(None, (slots, "" if pattern.write is None else f"@{pattern.write}")))

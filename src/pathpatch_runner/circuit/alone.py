"""Every edge, or node, of a graph alone, as a path set: what the writer computed arrives at one
slot, and everything after that slot follows.

    a0.h3 -> a1.h9<k> => logits        the edge a0.h3->a1.h9<k>
    m0 -> logits                       the edge m0->logits
    a0.h3 => logits                    the node a0.h3: everything it writes

Patching it is patching the edge in one shared network. Edges that share a step share its objects,
so that sorting thousands of them into orbits reads each step once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pathpatch_runner.circuit.edges import Edges, Numbers
from pathpatch_runner.expression.ast import PathSet, Route, StepPattern, Steps
from pathpatch_runner.graph import Graph


def edges_alone(edges: Edges) -> Iterator[tuple[Numbers, list[PathSet]]]:
    """(numbers of edges, the path set of each), together for all readers of one stage."""
    graph = edges.graph
    stage_of = np.array(graph.stage_of)
    writers = [Steps((StepPattern(frozenset([node])),)) for node in range(graph.logits)]
    logits = Steps((StepPattern(frozenset([graph.logits])),))
    anything = Steps((StepPattern(frozenset(range(1, graph.logits))),))
    for stage in range(1, len(graph.stages)):
        numbers = np.flatnonzero(stage_of[edges.reader] == stage)
        readers = {step: _reader(edges, int(step)) for step in np.unique(edges.step[numbers])}
        found: list[PathSet] = []
        for number in numbers:
            writer = writers[edges.writer[number]]
            if edges.reader[number] == graph.logits:
                found.append((Route((writer, logits), (None,)),))
            else:
                reader = readers[edges.step[number]]
                found.append((Route((writer, reader, logits), (None, anything)),))
        yield numbers, found


def nodes_alone(graph: Graph) -> list[PathSet]:
    """The path set of everything that a node writes, of every node but the logits."""
    logits = Steps((StepPattern(frozenset([graph.logits])),))
    anything = Steps((StepPattern(frozenset(range(1, graph.logits))),))
    writers = [Steps((StepPattern(frozenset([node])),)) for node in range(graph.logits)]
    return [(Route((writer, logits), (anything,)),) for writer in writers]


def _reader(edges: Edges, step: int) -> Steps:
    node, slot = edges.steps[step]
    name = edges.graph.nodes[node].slots[slot] if edges.graph.nodes[node].slots else ""
    return Steps((StepPattern(frozenset([node]), frozenset([name]) if name else None),))

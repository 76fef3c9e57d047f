"""A plan that must reproduce plain runs, for the guards.

Three copies of the whole network for every unit; in each copy every node is a version of its own,
and reads its queries, keys and values from three different copies. Nothing is short-cut, every
kind of copy between worlds is made, and yet every stream must come out as the plain run that the
unit's copies started from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.graph import Graph
from pathpatch_runner.plan.plan import SLOTS, Plan, Stage

COPIES = 3


def forced_plan(graph: Graph, prompts: Sequence[int]) -> Plan:
    """A unit for each of `prompts` (BASE or PATCHED): its logits are those of that plain run."""
    n_copies = COPIES * len(prompts)
    # At first a stream of every copy holds nothing but its prompt's input.
    inputs = np.repeat(prompts, COPIES).reshape(n_copies, 1, 1)
    stages = [Stage(*_no_versions(), np.zeros(n_copies, dtype=np.int64), inputs, 2, 2)]
    for nodes in graph.stages[1:-1]:
        stages.append(_copied(graph, nodes, stages[-1]))
    last = stages[-1]
    first_version, first_stream = _next_ids(last)
    nothing = np.zeros(0, dtype=np.int64)
    stages.append(
        Stage(*_no_versions(), nothing, nothing.reshape(0, 1, 1), first_version, first_stream)
    )
    return Plan(
        alphabet=Alphabet(graph),
        stages=tuple(stages),
        outputs=last.stream_ids[::COPIES, None],
        orbit_of=np.zeros(len(prompts), dtype=np.int64),
    )


def _no_versions() -> tuple[np.ndarray, np.ndarray]:
    """`nodes` and `reads` of a stage without versions."""
    return np.zeros(0, dtype=np.int64), np.zeros((0, SLOTS, 1, 1), dtype=np.int64)


def _next_ids(stage: Stage) -> tuple[int, int]:
    return stage.first_version + len(stage.nodes), stage.first_stream + len(stage.parent)


def _copied(graph: Graph, nodes: Sequence[int], before: Stage) -> Stage:
    """A version of every node in every copy, written into the copy's stream."""
    streams = before.stream_ids
    copies = np.arange(len(streams))
    first_version, first_stream = _next_ids(before)
    reads = np.zeros((len(copies), len(nodes), SLOTS), dtype=np.int64)
    for number, node in enumerate(nodes):
        for slot in range(len(graph.nodes[node].slots)):
            other = copies - copies % COPIES + (copies + slot + 1) % COPIES
            reads[:, number, slot] = streams[other]
    written = first_version + np.arange(len(copies) * len(nodes))
    return Stage(
        nodes=np.tile(nodes, len(copies)),
        reads=reads.reshape(-1, SLOTS, 1, 1),
        parent=streams,
        writes=written.reshape(len(copies), len(nodes), 1),
        first_version=first_version,
        first_stream=first_stream,
    )

"""Which edges of a set lie on a way from `input` to `logits`.

Whichever slot a way enters a node by, it can leave by any edge out of the node. So an edge is on a
way if its writer can be reached from `input` and `logits` can be reached from its reader, both
along edges of the set. One sweep over the stages in each direction finds these nodes.

Shapes: node, edge.
"""

from __future__ import annotations

import numpy as np

from pathpatch_runner.circuit.edges import Edges, Mask


def prune(edges: Edges, chosen: Mask) -> Mask:
    """The edges of `chosen` that lie on a way, [edge]."""
    writer, reader = edges.writer[chosen], edges.reader[chosen]
    n_nodes = len(edges.graph.nodes)
    joined = np.zeros((n_nodes, n_nodes), dtype=bool)
    joined[writer, reader] = True
    from_input = _reached(joined, edges, 0)
    to_logits = _reached(joined.T, edges, edges.graph.logits)
    kept = np.zeros_like(chosen)
    kept[chosen] = from_input[writer] & to_logits[reader]
    return kept


def _reached(joined: Mask, edges: Edges, start: int) -> Mask:
    """[node]: reached from `start` along `joined` [from, to]. Nodes of a stage read only earlier
    stages, so one sweep in their order (or against it) is enough."""
    reached = np.zeros(len(joined), dtype=bool)
    reached[start] = True
    stages = edges.graph.stages
    for stage in stages[1:] if start == 0 else stages[-2::-1]:
        nodes = list(stage)
        reached[nodes] = joined[reached][:, nodes].any(axis=0)
    return reached

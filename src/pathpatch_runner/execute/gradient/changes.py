"""What every writer writes in the patched run, less what it writes in the base run."""

from __future__ import annotations

import torch

from pathpatch_runner.execute.delta.runs import Runs
from pathpatch_runner.graph import Graph, NodeKind
from pathpatch_runner.model.nodes import NodeFunctions


def write_changes(graph: Graph, functions: NodeFunctions, runs: Runs) -> torch.Tensor:
    """[W, B, T, d_model], of every node but the logits, in the order of the graph."""
    first = runs.stream[1]
    found = first[0].new_empty(graph.logits, *first[0].shape)
    for index, node in enumerate(graph.nodes[:-1]):
        if node.kind is NodeKind.input:
            base, patched = first
            found[index] = patched - base
        elif node.kind is NodeKind.mlp:
            base, patched = runs.mlp[node.layer]
            found[index] = patched - base
        elif node.kind is NodeKind.head:
            base, patched = runs.attention[node.layer].z
            w_o = functions.attention[node.layer].w_o
            found[index] = (patched[node.head] - base[node.head]) @ w_o[node.head]
        else:
            out = runs.attention[node.layer].out
            assert out is not None
            found[index] = out[1] - out[0]
    return found

"""What a plan costs, in floating point operations, against the forward passes of a naive tool.

One multiply-add counts as two operations. Norms, biases, softmax and copies are left out. A
*naive tool* makes one forward pass for every mixed stream of every unit, with nothing shared
between units and every pass from the first layer to the last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pathpatch_runner.graph import Graph, ModelShape, Node, NodeKind
from pathpatch_runner.plan.plan import Plan, Stage
from pathpatch_runner.plan.set_plan import PATCHED


@dataclass(frozen=True)
class Cost:
    """Operations for one pair of prompts. `naive_passes`: of a naive tool, for all units."""

    forward_flops: int
    mixed_flops: int
    naive_passes: int

    @property
    def naive_flops(self) -> int:
        """Operations of the naive tool."""
        return self.naive_passes * self.forward_flops

    @property
    def saving(self) -> float:
        """How many times fewer operations the plan needs, its two plain runs included."""
        return self.naive_flops / (self.mixed_flops + 2 * self.forward_flops)


def node_flops(shape: ModelShape, node: Node, mixed_slots: int, n_positions: int) -> int:
    """Operations to evaluate one node at every position, projecting only its mixed slots."""
    if node.kind is NodeKind.logits:
        return 2 * n_positions * shape.d_model * shape.n_logits
    if node.kind is NodeKind.mlp:
        matrices = 3 if shape.gated_mlp else 2
        return 2 * n_positions * matrices * shape.d_model * shape.d_mlp
    if node.kind is NodeKind.input:
        return 0
    projections = (mixed_slots + 1) * shape.d_model * shape.d_head
    attention = 2 * n_positions * shape.d_head
    heads = 1 if node.kind is NodeKind.head else shape.n_heads
    return 2 * n_positions * (projections + attention) * heads


def version_flops(graph: Graph, stage: Stage, n_positions: int) -> np.ndarray:
    """[version of the stage]: operations to evaluate it, projecting only its mixed slots."""
    slots = (stage.reads > PATCHED).any(axis=(2, 3)).sum(axis=1)
    n_kinds = stage.reads.shape[1] + 1
    distinct, which = np.unique(stage.nodes * n_kinds + slots, return_inverse=True)
    flops = [
        node_flops(graph.shape, graph.nodes[kind // n_kinds], kind % n_kinds, n_positions)
        for kind in distinct.tolist()
    ]
    return np.array(flops, dtype=np.int64)[which]


def cost_of(plan: Plan, n_positions: int) -> Cost:
    """The cost of a plan on a pair of prompts of `n_positions` tokens, at every position."""
    graph = plan.alphabet.graph
    shape, nodes = graph.shape, graph.nodes
    mixed = sum(int(version_flops(graph, stage, n_positions).sum()) for stage in plan.stages)
    logits = plan.mixed_evaluations - plan.n_versions
    mixed += logits * node_flops(shape, nodes[graph.logits], 1, n_positions)
    sizes = np.bincount(plan.orbit_of, minlength=len(plan.orbits))
    naive = sum(
        max(len(one.needed_streams()), 1) * int(members)
        for one, members in zip(plan.orbits, sizes, strict=True)
    )
    return Cost(sum(node_flops(shape, node, 3, n_positions) for node in nodes), mixed, naive)

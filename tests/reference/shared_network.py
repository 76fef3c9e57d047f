"""One shared network with single edges changed: every node has one value, and what one slot of it
reads may have something added. Plain loops over `ReferenceModel`; no plans, no hooks, no batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from pathpatch_runner.graph import Graph, NodeKind
from reference.reference_model import ReferenceModel

Slot = tuple[int, str]
"""(node, name of a slot), "" for an MLP and the logits."""


@dataclass(frozen=True)
class SharedRun:
    """`written` [pos, d_model] by node; `logits` [pos, n_logits]."""

    written: dict[int, torch.Tensor]
    logits: torch.Tensor


@torch.no_grad()
def shared_run(
    model: ReferenceModel,
    graph: Graph,
    embedded: torch.Tensor,
    added: Mapping[Slot, torch.Tensor] | None = None,
    held: Mapping[int, torch.Tensor] | None = None,
    moved: Mapping[int, torch.Tensor] | None = None,
) -> SharedRun:
    """Run from `embedded` [pos, d_model]. `added`: to what a slot reads, [pos, d_model]. `held`:
    what a node writes, whatever it reads. `moved`: added to what a node writes."""
    added, held, moved = added or {}, held or {}, moved or {}
    written = {0: held.get(0, embedded) + moved.get(0, 0)}
    for stage in graph.stages[1:-1]:
        stream = _stream(model, graph, written, graph.stage_of[stage[0]])
        for node in stage:
            slots = graph.nodes[node].slots
            reads = {slot: stream + added.get((node, slot), 0) for slot in slots}
            wrote = held[node] if node in held else node_write(model, graph, node, reads)
            written[node] = wrote + moved.get(node, 0)
    final = _stream(model, graph, written, graph.stage_of[graph.logits])
    final = final + added.get((graph.logits, ""), torch.zeros_like(final))
    return SharedRun(written, model.logits(final))


def _stream(
    model: ReferenceModel, graph: Graph, written: Mapping[int, torch.Tensor], stage: int
) -> torch.Tensor:
    below = [value for node, value in written.items() if graph.stage_of[node] < stage]
    total: torch.Tensor = torch.stack(below).sum(0) + model.constant(graph, stage)
    return total


def node_write(
    model: ReferenceModel, graph: Graph, node: int, reads: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """What a node writes, [pos, d_model]. `reads`: the stream by slot, [pos, d_model]."""
    which = graph.nodes[node]
    if which.kind is NodeKind.mlp:
        return model.mlp(which.layer, reads[""])
    head = None if which.kind is NodeKind.attention else which.head
    rows = []
    length = len(reads["q"])
    for position in range(length):
        keys = list(range(position + 1 if model.causal else length))
        q, k, v = reads["q"][position], reads["k"][keys], reads["v"][keys]
        rows.append(model.attention(which.layer, head, position, keys, q, k, v))
    return torch.stack(rows)

"""Gradients at the copy of the stream that each slot reads, a layer of readers at a time.

Autograd gives the gradient at the raw queries, keys and values. From there to the stream it is one
matrix and the layer's norm, linear in the gradient: all slots of the layer go through it together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pathpatch_runner.execute.gradient.tape import LayerTape, Tape
from pathpatch_runner.graph import Graph
from pathpatch_runner.model.nodes import Attention, NodeFunctions


@dataclass(frozen=True)
class SlotGradients:
    """`slots`: (node, slot index) of each of `values` [S, B, T, d_model]."""

    slots: tuple[tuple[int, int], ...]
    values: torch.Tensor


def slot_gradients(
    graph: Graph, functions: NodeFunctions, tape: Tape, value: torch.Tensor
) -> Iterator[SlotGradients]:
    """The gradient of the scalar `value` at every slot: of each layer's attention, then its MLP,
    and at last of the logits."""
    gradients = iter(torch.autograd.grad(value, tape.read, materialize_grads=True))
    for number, (layer, part) in enumerate(zip(tape.layers, functions.attention, strict=True)):
        raw = torch.stack([next(gradients) for _ in layer.raw])
        yield _of_attention(graph, number, part, layer, raw)
        if layer.mlp is not None:
            node = graph.index[f"m{number}"]
            yield SlotGradients(((node, 0),), next(gradients)[None])
    yield SlotGradients(((graph.logits, 0),), next(gradients)[None])


def _of_attention(
    graph: Graph, number: int, part: Attention, layer: LayerTape, raw: torch.Tensor
) -> SlotGradients:
    """`raw`: gradients [slot, H, B, T, D] of the layer's raw queries, keys and values."""
    n_heads = raw.shape[1]
    normed = torch.stack(
        [
            torch.einsum("hbtd,hmd->hbtm", gradient, _by_query_head(projection.weight, n_heads))
            for gradient, projection in zip(raw, (part.q, part.k, part.v), strict=True)
        ]
    )
    if graph.shape.separable_heads:
        nodes = [graph.index[f"a{number}.h{head}"] for head in range(n_heads)]
        slots = tuple((node, slot) for slot in range(3) for node in nodes)
        normed = normed.flatten(0, 1)
    else:
        slots = tuple((graph.index[f"a{number}"], slot) for slot in range(3))
        normed = normed.sum(1)
    return SlotGradients(slots, _through_norm(part, layer.stream.detach(), normed))


def _by_query_head(weight: torch.Tensor, n_heads: int) -> torch.Tensor:
    return weight.repeat_interleave(n_heads // len(weight), dim=0)


def _through_norm(part: Attention, stream: torch.Tensor, normed: torch.Tensor) -> torch.Tensor:
    """Gradients at the stream [S, B, T, d_model] of those at what the norm makes of it."""
    with torch.enable_grad():
        copies = stream.expand(len(normed), *stream.shape).clone().requires_grad_()
        [found] = torch.autograd.grad(part.norm(copies), copies, normed)
    return found

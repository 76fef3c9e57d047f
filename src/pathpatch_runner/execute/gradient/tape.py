"""One run of the model's own statement that autograd passes through, with every slot apart.

Each slot of a node reads its own copy of the stream. The copy itself is not made: what a head's
slot reads goes through the layer's norm and one matrix, so it is enough to keep the product, the
*raw* queries, keys and values of every query head. Heads that share keys and values have them
apart here, as the paths into them are. An MLP and the logits read a copy that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pathpatch_runner.execute.delta.runs import attention_mask, evaluate_mlp, scores_of
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.nodes import Attention, NodeFunctions, Projection


@dataclass(frozen=True)
class LayerTape:
    """`stream` [B, T, d_model]: what the attention reads; `raw`: queries, keys, values [H, B, T, D]
    before bias, norm and rotation; `mlp`: the copy of the stream that the MLP reads, or None."""

    stream: torch.Tensor
    raw: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    mlp: torch.Tensor | None


@dataclass(frozen=True)
class Tape:
    """`final` [B, T, d_model]: the copy of the stream that the logits read."""

    layers: tuple[LayerTape, ...]
    final: torch.Tensor

    @property
    def read(self) -> list[torch.Tensor]:
        """Everything whose gradient is wanted: `raw` and `mlp` of every layer, then `final`."""
        found: list[torch.Tensor] = []
        for layer in self.layers:
            found += [*layer.raw, *([] if layer.mlp is None else [layer.mlp])]
        return [*found, self.final]


@dataclass(frozen=True)
class Moved:
    """Something added to what a node writes: to the whole attention's write (`mlp` False) or the
    MLP's of `layer`. The node reads and computes as ever. `by`: [B, T, d_model]."""

    layer: int
    mlp: bool
    by: torch.Tensor


def record(
    functions: NodeFunctions, shape: ModelShape, embedded: torch.Tensor, moved: Moved | None = None
) -> Tape:
    """Run from embeddings [B, T, d_model]."""
    stream = embedded.detach().requires_grad_()
    layers: list[LayerTape] = []
    for number, part in enumerate(functions.attention):
        at = moved if moved is not None and moved.layer == number else None
        raw, written = _attention(part, stream)
        if at is not None and not at.mlp:
            written = written + at.by
        if shape.attn_only:
            layers.append(LayerTape(stream, raw, None))
            stream = stream + written
            continue
        # Another node of the graph, so that its gradient is that of the MLP alone.
        read = (stream if shape.parallel else stream + written).clone()
        layers.append(LayerTape(stream, raw, read))
        out = evaluate_mlp(functions.mlp[number], read.flatten(0, -2)).view(read.shape)
        if at is not None and at.mlp:
            out = out + at.by
        stream = stream + written + out
    return Tape(tuple(layers), stream.clone())


def _attention(
    part: Attention, stream: torch.Tensor
) -> tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]:
    """(raw queries, keys, values [H, B, T, D], what the attention writes [B, T, d_model])."""
    normed = part.norm(stream)
    positions = torch.arange(stream.shape[-2], device=stream.device)
    n_heads = len(part.q.weight)
    parts = (part.q, part.k, part.v)
    raw = tuple(_raw(projection, normed, n_heads) for projection in parts)
    q, k, v = (
        _finished(projection, values, positions)
        for projection, values in zip(parts, raw, strict=True)
    )
    mask = attention_mask(part, positions, positions)
    pattern = scores_of(part, q, k).masked_fill(mask, -torch.inf).softmax(-1)
    written = torch.einsum("hbtd,hdm->btm", pattern @ v, part.w_o)
    if part.b_o is not None:
        written = written + part.b_o
    return (raw[0], raw[1], raw[2]), written if part.post is None else part.post(written)


def _raw(projection: Projection, normed: torch.Tensor, n_heads: int) -> torch.Tensor:
    values = torch.einsum("btm,hmd->hbtd", normed, projection.weight)
    return values.repeat_interleave(n_heads // len(values), dim=0)


def _finished(projection: Projection, raw: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """With bias, norm and rotation: as scores and sums use them."""
    values = raw
    if projection.bias is not None:
        bias = projection.bias.repeat_interleave(len(raw) // len(projection.bias), dim=0)
        values = values + bias[:, None, : raw.shape[2]]
    if projection.norm is not None:
        values = projection.norm(values)
    return values if projection.rotary is None else projection.rotary(values, positions)

"""The two plain runs, with everything that nodes read and wrote in them.

Both runs are evaluated together, with the model's own parts (`model.nodes`), and kept as pairs
(base, patched). `swapped` exchanges them: the other direction of patching needs no new run, and no
copy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.delta.deltas import Two
from pathpatch_runner.execute.delta.narrow import NarrowReadings
from pathpatch_runner.execute.sources import Constants
from pathpatch_runner.execute.task import Task
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.nodes import (
    Attention,
    Mlp,
    NodeFunctions,
    Projection,
    embed,
    softcapped,
)


def _swapped(two: Two) -> Two:
    return two[1], two[0]


@dataclass(frozen=True)
class AttentionRun:
    """Of each run: `q`, `z` [H, B, T, D]; `k`, `v` [K, B, T, D]. `out` [B, T, d_model], where the
    attention of a layer is one node, else None."""

    q: Two
    k: Two
    v: Two
    z: Two
    out: Two | None

    def swapped(self) -> AttentionRun:
        """Base and patched exchanged."""
        out = None if self.out is None else _swapped(self.out)
        return AttentionRun(
            _swapped(self.q), _swapped(self.k), _swapped(self.v), _swapped(self.z), out
        )


@dataclass(frozen=True)
class RunOfHeads:
    """All heads of all layers in one run: `q`, `z` [layer * H, B, T, D], `k`, `v` [layer * K, B, T,
    D]."""

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    z: torch.Tensor

    @classmethod
    def empty(cls, shape: ModelShape, rows: torch.Tensor) -> RunOfHeads:
        """For rows [run, B, T, d_model]: [run, layer, ...] each."""
        q, k, v, z = (
            rows.new_empty(len(rows), shape.n_layers, heads, *rows.shape[1:3], shape.d_head)
            for heads in (shape.n_heads, shape.n_kv, shape.n_kv, shape.n_heads)
        )
        return cls(q, k, v, z)

    def of(self, run: int) -> RunOfHeads:
        """One run of `empty`."""
        q, k, v, z = (each[run].flatten(0, 1) for each in (self.q, self.k, self.v, self.z))
        return RunOfHeads(q, k, v, z)


@dataclass(frozen=True)
class Runs:
    """`stream`, of each run [B, T, d_model], by stage: what the nodes of the stage read. `mlp`:
    what each layer's MLP wrote, likewise. `heads`: those of `attention` as the runs computed them,
    whatever constants take their place."""

    stream: tuple[Two, ...]
    attention: tuple[AttentionRun, ...]
    mlp: tuple[Two, ...]
    heads: tuple[RunOfHeads, RunOfHeads]

    def swapped(self) -> Runs:
        """Base and patched exchanged."""
        return Runs(
            tuple(_swapped(stream) for stream in self.stream),
            tuple(run.swapped() for run in self.attention),
            tuple(_swapped(out) for out in self.mlp),
            self.heads[::-1],
        )

    def with_constants(self, constants: Constants | None) -> Runs:
        """The patched run's writes replaced by constants (mean and zero ablation)."""
        if constants is None:
            return self
        attention = tuple(
            dataclasses.replace(run, z=(run.z[0], z.permute(1, 0, 2)[:, None].expand_as(run.z[1])))
            for run, z in zip(self.attention, constants.z, strict=True)
        )
        mlp = self.mlp
        if constants.mlp is not None:
            mlp = tuple(
                (base, constant.expand_as(base))
                for (base, _), constant in zip(self.mlp, constants.mlp, strict=True)
            )
        return Runs(self.stream, attention, mlp, self.heads)


def plain_runs_of(task: Task, functions: NodeFunctions, batch: Batch, draw: int) -> Runs:
    """The clean and the corrupt run of a batch, in this order, for a draw of the source."""
    noise = task.source.noise(batch, draw)
    corrupt = batch.corrupt if noise is None else batch.clean
    ids = torch.cat([batch.clean, corrupt])
    hooks: list[tuple[str, Callable[..., torch.Tensor]]] = []
    if noise is not None:
        hooks = [
            (task.model.hook_points.embed, _adding(torch.cat([torch.zeros_like(noise), noise])))
        ]
    embedded = embed(task.model, ids, hooks).unflatten(0, (2, -1))
    return plain_runs(functions, task.model.shape, embedded)


def _adding(noise: torch.Tensor) -> Callable[..., torch.Tensor]:
    def add(values: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        return values + noise

    return add


def plain_runs(functions: NodeFunctions, shape: ModelShape, embedded: torch.Tensor) -> Runs:
    """Both runs from their embeddings [2, B, T, d_model]."""
    stream = embedded
    streams = [_two(torch.zeros_like(embedded))]
    attention: list[AttentionRun] = []
    mlp: list[Two] = []
    heads = RunOfHeads.empty(shape, embedded)
    for layer, part in enumerate(functions.attention):
        streams.append(_two(stream))
        run, written = _attention(part, stream, heads, layer)
        attention.append(run)
        if shape.attn_only:
            stream = stream + written
            continue
        read = stream if shape.parallel else stream + written
        if not shape.parallel:
            streams.append(_two(read))
        out = _mlp(functions.mlp[layer], read)
        mlp.append(_two(out))
        stream = stream + written + out
    every = heads.of(0), heads.of(1)
    return Runs((*streams, _two(stream)), tuple(attention), tuple(mlp), every)


def _two(both: torch.Tensor) -> Two:
    """The halves of [2, ...]."""
    return both[0], both[1]


def project(
    projection: Projection, head: int, normed: torch.Tensor, positions: torch.Tensor
) -> torch.Tensor:
    """`normed` [..., P, d_model], which stands at `positions` [P] -> queries, keys or values of
    one head [..., P, D], as scores and sums use them."""
    rows = normed.reshape(-1, normed.shape[-1])
    weight = projection.weight[head]
    bias = projection.bias
    if bias is not None and bias.shape[1] == 1:
        result = torch.addmm(bias[head], rows, weight).unflatten(0, normed.shape[:-1])
    else:
        result = (rows @ weight).unflatten(0, normed.shape[:-1])
        result = result if bias is None else result + bias[head, positions]
    return _turned(projection, result, positions)


def project_narrow(
    projection: Projection,
    head: int,
    narrow: NarrowReadings,
    positions: torch.Tensor,
    base: torch.Tensor,
) -> torch.Tensor:
    """As `project`, of narrow streams. `base` [B, P, D]: what it is of base's."""
    bias = projection.bias
    added = None
    if bias is not None:
        added = bias[head, 0] if bias.shape[1] == 1 else bias[head, positions]
    known = None
    if projection.norm is None and projection.rotary is None:
        known = base if added is None else base - added
    result = narrow.times(projection, head, known)
    return _turned(projection, result if added is None else result + added, positions)


def _turned(projection: Projection, values: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    if projection.norm is not None:
        values = projection.norm(values)
    return values if projection.rotary is None else projection.rotary(values, positions)


def scores_of(part: Attention, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Attention scores [..., query, key], scaled and capped, before the mask."""
    scores = (queries * part.scale) @ keys.transpose(-1, -2)
    return softcapped(scores, part.softcap)


def attention_mask(part: Attention, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Bool [query, key]: the keys that a query must not attend to, by their positions."""
    distance = queries[:, None] - keys[None, :]
    hidden = torch.zeros_like(distance, dtype=torch.bool)
    if part.causal:
        hidden = distance < 0
    if part.window is not None:
        hidden = hidden | (distance >= part.window)
    return hidden


def _attention(
    part: Attention, stream: torch.Tensor, heads: RunOfHeads, layer: int
) -> tuple[AttentionRun, torch.Tensor]:
    """(the run, which is kept in `heads`, what the whole attention writes [2, B, T, d_model])."""
    normed = part.norm(stream)
    positions = torch.arange(stream.shape[-2], device=stream.device)
    q, k, v, z = (each[:, layer] for each in (heads.q, heads.k, heads.v, heads.z))
    for projection, into in ((part.q, q), (part.k, k), (part.v, v)):
        for head in range(len(projection.weight)):
            into[:, head] = project(projection, head, normed, positions)
    group = q.shape[1] // k.shape[1]
    mask = attention_mask(part, positions, positions)
    for head in range(q.shape[1]):
        scores = scores_of(part, q[:, head], k[:, head // group])
        pattern = scores.masked_fill_(mask, -torch.inf).softmax(-1)
        z[:, head] = pattern @ v[:, head // group]
    written = write_heads(part, z)
    out = None if part.post is None else _two(written)
    return AttentionRun(_two(q), _two(k), _two(v), _two(z), out), written


def write_heads(part: Attention, z: torch.Tensor) -> torch.Tensor:
    """What attention writes [n, B, T, d_model], from `z` [n, H, B, T, D] of all its heads."""
    rows = z.permute(0, 2, 3, 1, 4).flatten(3)
    written = rows @ part.w_o.flatten(0, 1)
    if part.b_o is not None:
        written = written + part.b_o
    return written if part.post is None else part.post(written)


def _mlp(part: Mlp, stream: torch.Tensor) -> torch.Tensor:
    return evaluate_mlp(part, stream.flatten(0, -2)).view(stream.shape)


def evaluate_mlp(part: Mlp, rows: torch.Tensor) -> torch.Tensor:
    """What the MLP writes for rows [row, d_model] of the stream."""
    written = part.inner(part.norm(rows))
    return written if part.post is None else part.post(written)

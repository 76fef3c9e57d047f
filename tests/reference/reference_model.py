"""A transformer spelled out node by node, from the weights of a module: no hooks, no batching.

`ReferenceModel` is the mathematics; the builders below only say where each architecture keeps
its weights. All tensors float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pathpatch_runner.graph import Graph

Function = Callable[[torch.Tensor], torch.Tensor]
Rotate = Callable[[torch.Tensor, int], torch.Tensor]


def same(x: torch.Tensor) -> torch.Tensor:
    """The identity."""
    return x


def unrotated(x: torch.Tensor, position: int) -> torch.Tensor:
    """No rotary positions."""
    del position
    return x


@dataclass(frozen=True)
class ReferenceLayer:
    """W_Q [H, d_model, d_head], W_K, W_V [K, d_model, d_head], W_O [H, d_head, d_model]; biases
    without the d_model axis (b_O [d_model]); norms before and (Gemma) after; the MLP or None.
    `positions` [n_ctx, d_model] are added to what queries and keys read.
    """

    attention_norm: Function
    W_Q: torch.Tensor
    W_K: torch.Tensor
    W_V: torch.Tensor
    W_O: torch.Tensor
    b_Q: torch.Tensor
    b_K: torch.Tensor
    b_V: torch.Tensor
    b_O: torch.Tensor
    mlp: Function | None
    rotate: Rotate = unrotated
    after_attention: Function = same
    scale: float | None = None
    softcap: float | None = None
    window: int | None = None
    positions: torch.Tensor | None = None


@dataclass(frozen=True)
class ReferenceModel:
    """`mlp` of a layer includes its norms. `unembed` includes the final norm."""

    embed: Function
    layers: tuple[ReferenceLayer, ...]
    unembed: Function
    causal: bool = True

    def logits(self, stream: torch.Tensor) -> torch.Tensor:
        """[d_model] -> [d_vocab]."""
        return self.unembed(stream)

    def constant(self, graph: Graph, stage: int) -> torch.Tensor:
        """What the biases alone write before a stage: [d_model]."""
        total = torch.zeros_like(self.layers[0].b_O)
        for number, layer in enumerate(self.layers):
            name = f"a{number}.h0" if f"a{number}.h0" in graph.index else f"a{number}"
            if graph.stage_of[graph.index[name]] < stage:
                total = total + layer.b_O
        return total

    def mlp(self, layer: int, stream: torch.Tensor) -> torch.Tensor:
        """[d_model] -> [d_model]."""
        function = self.layers[layer].mlp
        assert function is not None
        return function(stream)

    def attention(
        self,
        layer: int,
        head: int | None,
        position: int,
        places: list[int],
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
    ) -> torch.Tensor:
        """What a head (None: all of the layer) writes at `position`, reading the streams q
        [..., d_model], k and v [place, ..., d_model]: [..., d_model]."""
        weights = self.layers[layer]
        heads = range(len(weights.W_Q)) if head is None else [head]
        written = [self._head(weights, h, position, places, q, k, v) for h in heads]
        return weights.after_attention(torch.stack(written).sum(0))

    def _head(
        self,
        weights: ReferenceLayer,
        head: int,
        position: int,
        places: list[int],
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
    ) -> torch.Tensor:
        group = head * len(weights.W_K) // len(weights.W_Q)
        norm, rotate = weights.attention_norm, weights.rotate
        asked, told = norm(q), norm(k)
        if weights.positions is not None:
            asked = asked + weights.positions[position]
            there = weights.positions[places]
            told = told + there.view(len(places), *[1] * (told.ndim - 2), -1)
        query = rotate(asked @ weights.W_Q[head] + weights.b_Q[head], position)
        keys = told @ weights.W_K[group] + weights.b_K[group]
        if rotate is not unrotated:
            rotated = [rotate(key, place) for key, place in zip(keys, places, strict=True)]
            keys = torch.stack(rotated)
        scores = (keys * query).sum(-1) / (weights.scale or math.sqrt(query.shape[-1]))
        if weights.softcap:
            scores = weights.softcap * torch.tanh(scores / weights.softcap)
        if weights.window is not None:
            far = [place for place in places if position - place >= weights.window]
            scores[[places.index(place) for place in far]] = -math.inf
        pattern = scores.softmax(0)[..., None]
        values = norm(v) @ weights.W_V[group] + weights.b_V[group]
        return (pattern * values).sum(0) @ weights.W_O[head]


def split_heads(weight: torch.Tensor, n_heads: int) -> torch.Tensor:
    """[n_heads * d_head, d_model] (Linear) -> [n_heads, d_model, d_head]."""
    result: torch.Tensor = weight.unflatten(0, (n_heads, -1)).transpose(1, 2).detach()
    return result


def split_output(weight: torch.Tensor, n_heads: int) -> torch.Tensor:
    """[d_model, n_heads * d_head] (Linear) -> [n_heads, d_head, d_model]."""
    result: torch.Tensor = weight.T.unflatten(0, (n_heads, -1)).detach()
    return result


def bias(linear: Any, n_heads: int | None = None) -> torch.Tensor:
    """A Linear's bias, by head where asked; zeros where it has none."""
    value = linear.bias
    if value is None:
        value = torch.zeros(linear.weight.shape[0], dtype=linear.weight.dtype)
    result: torch.Tensor = (
        value if n_heads is None else value.unflatten(0, (n_heads, -1))
    ).detach()
    return result


def rotate_halves(inverse_frequency: torch.Tensor, rotary_dim: int) -> Rotate:
    """Rotary positions as Hugging Face's Llama and NeoX have them (first half, second half)."""

    def rotate(x: torch.Tensor, position: int) -> torch.Tensor:
        # The angle is rounded to float32, as the models round it.
        angle = (position * inverse_frequency.float()).float()
        cos, sin = angle.cos().double(), angle.sin().double()
        first, second = x[..., : rotary_dim // 2], x[..., rotary_dim // 2 : rotary_dim]
        turned = [
            first * cos - second * sin,
            second * cos + first * sin,
        ]
        return torch.cat([*turned, x[..., rotary_dim:]], dim=-1)

    return rotate


def rotate_pairs(base: float, rotary_dim: int) -> Rotate:
    """Rotary positions of adjacent pairs (GPT-J and TransformerLens' native models)."""
    inverse = 1.0 / base ** (torch.arange(0, rotary_dim, 2).float() / rotary_dim)

    def rotate(x: torch.Tensor, position: int) -> torch.Tensor:
        # The angle is rounded to float32, as the models round it.
        angle = (position * inverse).float()
        cos, sin = angle.cos().double(), angle.sin().double()
        even, odd = x[..., 0:rotary_dim:2], x[..., 1:rotary_dim:2]
        turned = torch.stack([even * cos - odd * sin, odd * cos + even * sin], dim=-1)
        return torch.cat([turned.flatten(-2), x[..., rotary_dim:]], dim=-1)

    return rotate

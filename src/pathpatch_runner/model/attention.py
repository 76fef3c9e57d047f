"""Attention scores of native models, whose scores hook is dead.

Source: `transformer_lens.model_bridge.sources.native.model.NativeAttention.forward`.
"""

from __future__ import annotations

import torch

from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.load import LoadedModel
from pathpatch_runner.model.nodes import softcapped


def scores_are_known(model: LoadedModel) -> bool:
    """Whether `attention_scores` knows how this model computes its scores."""
    return getattr(model.bridge.original_model, "layers", None) is not None


def attention_scores(
    model: LoadedModel, layer: int, q: torch.Tensor, k: torch.Tensor
) -> torch.Tensor:
    """Scores [batch, n_heads, query, key] before the softmax, -inf where masked.

    `q` [batch, pos, n_heads, d_head], `k` [batch, pos, n_kv, d_head]: as the hooks see them,
    before the rotation. Raises ModelError for a model that is not native.
    """
    if not scores_are_known(model):
        raise ModelError(
            f'model "{model.name}": how it computes its attention scores is not known, and they '
            "cannot be edited"
        )
    attention = model.bridge.original_model.layers[layer].attn
    queries, keys = q.transpose(1, 2), k.transpose(1, 2)
    if attention.rotary is not None:
        queries, keys = attention.rotary.apply_rope(queries, keys)
    keys = keys.repeat_interleave(queries.shape[1] // keys.shape[1], dim=1)
    scores: torch.Tensor = queries @ keys.transpose(-1, -2) / attention.scale
    scores = softcapped(scores, max(attention.attn_scores_soft_cap, 0))
    if not attention.causal:
        return scores
    length = scores.shape[-1]
    return scores.masked_fill(attention.causal_mask[:length, :length], -torch.inf)

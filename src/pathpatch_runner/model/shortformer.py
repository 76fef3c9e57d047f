"""Native models whose positions are added to queries and keys only ("shortformer").

Press et al. 2021, "Shortformer": a position p changes queries and keys, never values, and never
the residual stream x:

    q = W_Q (norm(x) + p) + b_Q      k = W_K (norm(x) + p) + b_K      v = W_V norm(x) + b_V

TransformerLens 4 has no such model; this is its native one with other positions, behind the same
bridge. `ArthurConmy/redwood_attn_2l` is one.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module
from transformer_lens.model_bridge.sources.native import NativeModel, initialize_native_model

KIND = "shortformer"
"""The value of `positional_embedding_type`, as TransformerLens called it."""
INITIAL_SCALE = 0.02


class PositionedLinear(nn.Linear):
    """`linear(x + positions)`, of x [batch, pos, in]. The positions belong to the model."""

    def __init__(self, plain: nn.Linear, positions: nn.Embedding) -> None:
        super().__init__(plain.in_features, plain.out_features)
        # In a tuple, or every layer would count the positions among its own parameters.
        self._positions = (positions,)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """[batch, pos, out] of `input` [batch, pos, in]."""
        return super().forward(input + self.positions[: input.shape[-2]])

    @property
    def positions(self) -> torch.Tensor:
        """[n_ctx, in]."""
        return self._positions[0].weight


class ShortformerModel(NativeModel):  # type: ignore[misc]  # TransformerLens is not typed for us
    """TransformerLens' native model with positions in queries and keys."""

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.rotary = None
        self.positions = nn.Embedding(cfg.n_ctx, cfg.d_model)
        for layer in self.layers:
            attention = layer.attn
            attention.rotary = None
            attention.q = PositionedLinear(attention.q, self.positions)
            attention.k = PositionedLinear(attention.k, self.positions)


def boot_shortformer(config: Any) -> Any:
    """A bridge around a model with random weights, as `TransformerBridge.boot_native` makes
    it; `init_weights` false: with whatever is in memory, to be overwritten."""
    cfg = copy.deepcopy(config)
    # Of the two kinds that TransformerLens knows, rotary is the one that leaves the stream alone.
    cfg.positional_embedding_type, cfg.rotary_dim = "rotary", 2
    model = ShortformerModel(cfg)
    if cfg.init_weights:
        initialize_native_model(model, cfg)
        nn.init.normal_(model.positions.weight, std=INITIAL_SCALE)
    return build_bridge_from_module(
        model, architecture="TransformerLensNative", tl_config=cfg, model_name=KIND
    )

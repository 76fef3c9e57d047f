"""A native model written out: weights by TransformerLens name, and the forward pass itself."""

from __future__ import annotations

import torch

Weights = dict[str, torch.Tensor]


def random_weights(n_heads: int = 2, n_kv: int = 2, d_head: int = 8, d_mlp: int = 0) -> Weights:
    """Weights of two layers, d_model 16, 11 tokens, 16 positions, in TransformerLens names."""
    generator = torch.Generator().manual_seed(0)
    sizes: dict[str, tuple[int, ...]] = {
        "embed.W_E": (11, 16),
        "pos_embed.W_pos": (16, 16),
        "unembed.W_U": (16, 11),
        "unembed.b_U": (11,),
        "ln_final.w": (16,),
        "ln_final.b": (16,),
    }
    for layer in range(2):
        block = f"blocks.{layer}"
        sizes |= {f"{block}.ln1.w": (16,), f"{block}.ln1.b": (16,)}
        for slot, heads in (("Q", n_heads), ("K", n_kv), ("V", n_kv)):
            sizes[f"{block}.attn.W_{slot}"] = (heads, 16, d_head)
            sizes[f"{block}.attn.b_{slot}"] = (heads, d_head)
        sizes |= {f"{block}.attn.W_O": (n_heads, d_head, 16), f"{block}.attn.b_O": (16,)}
        if d_mlp:
            sizes |= {f"{block}.ln2.w": (16,), f"{block}.ln2.b": (16,)}
            sizes |= {f"{block}.mlp.W_in": (16, d_mlp), f"{block}.mlp.b_in": (d_mlp,)}
            sizes |= {f"{block}.mlp.W_out": (d_mlp, 16), f"{block}.mlp.b_out": (16,)}
    return {
        name: torch.randn(size, generator=generator, dtype=torch.float64) * 0.3
        for name, size in sizes.items()
    }


def expected_logits(weights: Weights, ids: list[int], *, shortformer: bool = False) -> torch.Tensor:
    """Logits [pos, d_vocab]. `shortformer`: positions reach queries and keys only."""

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * weights[f"{name}.w"] + weights[f"{name}.b"]

    x, positions = weights["embed.W_E"][ids], weights["pos_embed.W_pos"][: len(ids)]
    if not shortformer:
        x, positions = x + positions, torch.zeros_like(positions)
    for layer in range(2):
        block = f"blocks.{layer}"
        normed, written = norm(x, f"{block}.ln1"), weights[f"{block}.attn.b_O"].clone()
        placed = normed + positions
        w_q, w_k, w_v, w_o = (weights[f"{block}.attn.W_{slot}"] for slot in "QKVO")
        b_q, b_k, b_v = (weights[f"{block}.attn.b_{slot}"] for slot in "QKV")
        for head in range(len(w_q)):
            shared = head * len(w_k) // len(w_q)
            scores = (placed @ w_q[head] + b_q[head]) @ (placed @ w_k[shared] + b_k[shared]).T
            later = torch.ones(len(ids), len(ids), dtype=torch.bool).triu(1)
            pattern = (scores / w_q.shape[-1] ** 0.5).masked_fill(later, -torch.inf).softmax(-1)
            written = written + pattern @ (normed @ w_v[shared] + b_v[shared]) @ w_o[head]
        x = x + written
        if f"{block}.mlp.W_in" in weights:
            hidden = norm(x, f"{block}.ln2") @ weights[f"{block}.mlp.W_in"]
            hidden = (hidden + weights[f"{block}.mlp.b_in"]).relu()
            x = x + hidden @ weights[f"{block}.mlp.W_out"] + weights[f"{block}.mlp.b_out"]
    return norm(x, "ln_final") @ weights["unembed.W_U"] + weights["unembed.b_U"]

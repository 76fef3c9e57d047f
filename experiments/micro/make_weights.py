"""Writes the weights of the two micro models: every number is stated here.

    python experiments/micro/make_weights.py

Both have no norm and no positions that matter, and their prompts are one token long, so that
every head attends to that token with weight 1 and adds x W_V W_O, exactly.

- `linear.safetensors`: AutoCircuit's micro model, x -> x + sum over heads of W_h * x (elementwise)
  in two layers, W_0 = [1, 2], W_1 = [3, 4]. Token 0 is x = [1, 1], token 1 is [-1, -1], token 2 is
  not used. Logits 0 and 1 are x, logit 2 is 0.
- `gates.safetensors`: token 1 is a bit that is set, token 0 one that is not. Each of three heads
  copies the bit into a coordinate of its own; the MLP computes OR of the first two copies and the
  majority of all three. Logit 0 is OR, logit 1 the majority, logit 2 is 0, logit 3 the bit:
  a run's own checks need a model whose embedding reaches some logit directly.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
N_CTX = 2
HEAD_SCALES = ((1.0, 2.0), (3.0, 4.0))


def attention(layer: int, n_heads: int, d_model: int, d_head: int) -> dict[str, torch.Tensor]:
    """An attention block whose every weight is 0, by TransformerLens name."""
    name = f"blocks.{layer}.attn"
    tensors = {f"{name}.W_{slot}": torch.zeros(n_heads, d_model, d_head) for slot in "QKV"}
    tensors |= {f"{name}.b_{slot}": torch.zeros(n_heads, d_head) for slot in "QKV"}
    tensors[f"{name}.W_O"] = torch.zeros(n_heads, d_head, d_model)
    tensors[f"{name}.b_O"] = torch.zeros(d_model)
    return tensors


def linear() -> dict[str, torch.Tensor]:
    """d_model 2, two heads of d_head 2 in each of two layers."""
    tensors = {
        "embed.W_E": torch.tensor([[1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]]),
        "pos_embed.W_pos": torch.zeros(N_CTX, 2),
        "unembed.W_U": torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        "unembed.b_U": torch.zeros(3),
    }
    for layer in range(2):
        tensors |= attention(layer, n_heads=2, d_model=2, d_head=2)
        for head, scale in enumerate(HEAD_SCALES):
            tensors[f"blocks.{layer}.attn.W_V"][head] = torch.eye(2)
            tensors[f"blocks.{layer}.attn.W_O"][head] = torch.diag(torch.tensor(scale))
    return tensors


def gates() -> dict[str, torch.Tensor]:
    """d_model 6: the bit, its three copies, OR, majority; three heads of d_head 1; d_mlp 4."""
    d_model, bit, copies, disjunction, majority = 6, 0, (1, 2, 3), 4, 5
    tensors = {
        "embed.W_E": torch.zeros(4, d_model),
        "pos_embed.W_pos": torch.zeros(N_CTX, d_model),
        "unembed.W_U": torch.zeros(d_model, 4),
        "unembed.b_U": torch.zeros(4),
        **attention(0, n_heads=3, d_model=d_model, d_head=1),
        "blocks.0.mlp.W_in": torch.zeros(d_model, 4),
        "blocks.0.mlp.b_in": torch.tensor([0.0, -1.0, -1.0, -2.0]),
        "blocks.0.mlp.W_out": torch.zeros(4, d_model),
        "blocks.0.mlp.b_out": torch.zeros(d_model),
    }
    tensors["embed.W_E"][1, bit] = 1.0
    for head, copy in enumerate(copies):
        tensors["blocks.0.attn.W_V"][head, bit, 0] = 1.0
        tensors["blocks.0.attn.W_O"][head, 0, copy] = 1.0
    # OR(a, b) = relu(a + b) - relu(a + b - 1); majority(a, b, c) = relu(s - 1) - relu(s - 2).
    tensors["blocks.0.mlp.W_in"][list(copies[:2]), :2] = 1.0
    tensors["blocks.0.mlp.W_in"][list(copies), 2:] = 1.0
    for unit, (gate, sign) in enumerate(
        [(disjunction, 1), (disjunction, -1), (majority, 1), (majority, -1)]
    ):
        tensors["blocks.0.mlp.W_out"][unit, gate] = sign
    tensors["unembed.W_U"][disjunction, 0] = 1.0
    tensors["unembed.W_U"][majority, 1] = 1.0
    tensors["unembed.W_U"][bit, 3] = 1.0
    return tensors


def main() -> None:
    """Write both files beside this one."""
    save_file(linear(), HERE / "linear.safetensors")
    save_file(gates(), HERE / "gates.safetensors")


if __name__ == "__main__":
    main()

"""The transformer that is trained: attention only, pre-LayerNorm, learned positions.

Its parameters carry TransformerLens' names and shapes, so ``state_dict()`` is the shipped file:

    embed.W_E [d_vocab, d_model]           pos_embed.W_pos [n_ctx, d_model]
    blocks.L.ln1.w, .b [d_model]           blocks.L.attn.W_Q, W_K, W_V [n_heads, d_model, d_head]
    blocks.L.attn.b_Q, b_K, b_V [n_heads, d_head]
    blocks.L.attn.W_O [n_heads, d_head, d_model], b_O [d_model]
    ln_final.w, .b [d_model]               unembed.W_U [d_model, d_vocab]

There is no ``unembed.b_U`` to train: what is published carries a zero one, which native bridges ask
for.
"""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class ModelShape:
    """Fields are those of TransformerLens' ``TransformerBridgeConfig``."""

    d_vocab: int
    n_layers: int = 2
    n_heads: int = 8
    d_model: int = 256
    d_head: int = 32
    n_ctx: int = 128
    eps: float = 1e-5

    def bridge_config(self, seed: int) -> dict[str, object]:
        """What ``TransformerBridge.boot_native`` needs to build the same model."""
        return {
            **asdict(self),
            "attn_only": True,
            "normalization_type": "LN",
            "positional_embedding_type": "standard",
            "act_fn": "relu",
            "tokenizer_prepends_bos": False,
            "seed": seed,
        }


def _normal(*size: int, std: float) -> nn.Parameter:
    return nn.Parameter(torch.randn(*size) * std)


class Embed(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.W_E = _normal(shape.d_vocab, shape.d_model, std=0.1)


class PosEmbed(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.W_pos = _normal(shape.n_ctx, shape.d_model, std=0.1)


class Unembed(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.W_U = _normal(shape.d_model, shape.d_vocab, std=shape.d_model**-0.5)


class LayerNorm(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(shape.d_model))
        self.b = nn.Parameter(torch.zeros(shape.d_model))
        self.eps = shape.eps

    def forward(self, resid: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(resid, (resid.shape[-1],), self.w, self.b, self.eps)


class Attention(nn.Module):
    """Causal multi-head attention; all heads' q, k and v come from one matrix product."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        heads, std = (shape.n_heads, shape.d_model, shape.d_head), shape.d_model**-0.5
        self.W_Q, self.W_K, self.W_V = (_normal(*heads, std=std) for _ in range(3))
        self.W_O = _normal(shape.n_heads, shape.d_head, shape.d_model, std=std)
        self.b_Q, self.b_K, self.b_V = (
            nn.Parameter(torch.zeros(shape.n_heads, shape.d_head)) for _ in range(3)
        )
        self.b_O = nn.Parameter(torch.zeros(shape.d_model))
        self.shape = shape

    def qkv(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """``x [batch, pos, d_model]`` -> three of ``[batch, n_heads, pos, d_head]``."""
        weight = torch.cat([self.W_Q, self.W_K, self.W_V]).transpose(0, 1).flatten(1)
        bias = torch.cat([self.b_Q, self.b_K, self.b_V]).flatten()
        qkv = F.linear(x, weight.T, bias)
        qkv = qkv.unflatten(-1, (3, self.shape.n_heads, self.shape.d_head))
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return q, k, v

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Output ``[batch, pos, d_model]`` and pattern ``[batch, n_heads, query pos, key pos]``.

        Written out rather than fused: on CPUs with bfloat16 units this is twice as fast as
        PyTorch's fused kernel. The products keep the precision of q, k and v (autocast would
        lift the softmax, the largest tensor here, to float32).
        """
        q, k, v = self.qkv(x)
        with torch.autocast(x.device.type, enabled=False):
            future = torch.full(
                (x.shape[1], x.shape[1]), -torch.inf, dtype=q.dtype, device=x.device
            )
            scores = (q / math.sqrt(self.shape.d_head)) @ k.transpose(-2, -1) + future.triu(1)
            pattern = scores.softmax(-1)
            z = pattern @ v
        return F.linear(z.transpose(1, 2).flatten(2), self.W_O.flatten(0, 1).T, self.b_O), pattern


class Block(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.ln1 = LayerNorm(shape)
        self.attn = Attention(shape)


class AttentionOnly(nn.Module):
    """``tokens [batch, pos]`` -> ``logits [batch, pos, d_vocab]``."""

    def __init__(self, shape: ModelShape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.dropout = dropout
        self.embed, self.pos_embed = Embed(shape), PosEmbed(shape)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.ln_final, self.unembed = LayerNorm(shape), Unembed(shape)

    def _drop(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, self.dropout, self.training) if self.dropout else x

    def stream(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embedding and positions, ``[batch, pos, d_model]``."""
        resid = F.embedding(tokens, self.embed.W_E) + self.pos_embed.W_pos[: tokens.shape[1]]
        return self._drop(resid)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.ln_final(self.run_blocks(tokens)[0]) @ self.unembed.W_U
        return logits

    def run_blocks(self, tokens: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Final residual stream ``[batch, pos, d_model]`` and one attention pattern per layer."""
        resid, patterns = self.stream(tokens), []
        for block in self.blocks:
            assert isinstance(block, Block)
            out, pattern = block.attn(block.ln1(resid))
            resid = resid + self._drop(out)
            patterns.append(pattern)
        return resid, patterns


def next_token_losses(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """``[batch, pos - 1]``: entry ``i`` is the loss of predicting token ``i + 1``."""
    losses = F.cross_entropy(
        logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), reduction="none"
    )
    return losses.view(tokens.shape[0], -1)

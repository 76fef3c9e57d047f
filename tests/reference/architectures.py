"""Where each architecture keeps its weights: modules -> `ReferenceModel`.

Called on plain modules, before any bridge touches them.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from reference.reference_model import (
    ReferenceLayer,
    ReferenceModel,
    bias,
    rotate_halves,
    rotate_pairs,
    split_heads,
    split_output,
    unrotated,
)


def gpt2(module: Any) -> ReferenceModel:
    """GPT2LMHeadModel: fused QKV in Conv1D layout."""
    body, config = module.transformer, module.config
    heads = config.n_head

    def layer(block: Any) -> ReferenceLayer:
        q, k, v = (w.T for w in block.attn.c_attn.weight.detach().chunk(3, dim=1))
        b_q, b_k, b_v = block.attn.c_attn.bias.detach().chunk(3)
        return ReferenceLayer(
            attention_norm=block.ln_1,
            W_Q=split_heads(q, heads),
            W_K=split_heads(k, heads),
            W_V=split_heads(v, heads),
            W_O=block.attn.c_proj.weight.detach().unflatten(0, (heads, -1)),
            b_Q=b_q.unflatten(0, (heads, -1)),
            b_K=b_k.unflatten(0, (heads, -1)),
            b_V=b_v.unflatten(0, (heads, -1)),
            b_O=block.attn.c_proj.bias.detach(),
            mlp=lambda x: block.mlp(block.ln_2(x)),
        )

    return ReferenceModel(
        embed=lambda ids: body.wte(ids) + body.wpe(torch.arange(len(ids))),
        layers=tuple(layer(block) for block in body.h),
        unembed=lambda x: module.lm_head(body.ln_f(x)),
    )


def gpt_neox(module: Any) -> ReferenceModel:
    """GPTNeoXForCausalLM: fused QKV by head, partial rotary, parallel blocks by default."""
    body, config = module.gpt_neox, module.config
    heads = config.num_attention_heads
    d_head = config.hidden_size // heads
    inverse = body.rotary_emb.inv_freq
    rotate = rotate_halves(inverse, 2 * len(inverse))

    def layer(block: Any) -> ReferenceLayer:
        fused = block.attention.query_key_value
        q, k, v = fused.weight.detach().unflatten(0, (heads, 3, d_head)).unbind(1)
        b_q, b_k, b_v = fused.bias.detach().unflatten(0, (heads, 3, d_head)).unbind(1)
        return ReferenceLayer(
            attention_norm=block.input_layernorm,
            W_Q=q.transpose(1, 2),
            W_K=k.transpose(1, 2),
            W_V=v.transpose(1, 2),
            W_O=split_output(block.attention.dense.weight, heads),
            b_Q=b_q,
            b_K=b_k,
            b_V=b_v,
            b_O=bias(block.attention.dense),
            mlp=lambda x: block.mlp(block.post_attention_layernorm(x)),
            rotate=rotate,
        )

    return ReferenceModel(
        embed=body.embed_in,
        layers=tuple(layer(block) for block in body.layers),
        unembed=lambda x: module.get_output_embeddings()(body.final_layer_norm(x)),
    )


def gptj(module: Any) -> ReferenceModel:
    """GPTJForCausalLM: parallel blocks with one norm, rotary pairs, no attention biases."""
    body, config = module.transformer, module.config
    heads = config.n_head
    rotate = rotate_pairs(10000.0, config.rotary_dim)

    def layer(block: Any) -> ReferenceLayer:
        attention = block.attn
        return ReferenceLayer(
            attention_norm=block.ln_1,
            W_Q=split_heads(attention.q_proj.weight, heads),
            W_K=split_heads(attention.k_proj.weight, heads),
            W_V=split_heads(attention.v_proj.weight, heads),
            W_O=split_output(attention.out_proj.weight, heads),
            b_Q=bias(attention.q_proj, heads),
            b_K=bias(attention.k_proj, heads),
            b_V=bias(attention.v_proj, heads),
            b_O=bias(attention.out_proj),
            mlp=lambda x: block.mlp(block.ln_1(x)),
            rotate=rotate,
        )

    return ReferenceModel(
        embed=body.wte,
        layers=tuple(layer(block) for block in body.h),
        unembed=lambda x: module.lm_head(body.ln_f(x)),
    )


def llama(module: Any) -> ReferenceModel:
    """LlamaForCausalLM and its likes (Qwen2, Mistral): grouped queries, RMSNorm, rotary."""
    body, config = module.model, module.config
    heads, groups = config.num_attention_heads, config.num_key_value_heads
    inverse = body.rotary_emb.inv_freq
    rotate = rotate_halves(inverse, 2 * len(inverse))

    def layer(block: Any) -> ReferenceLayer:
        attention = block.self_attn
        return ReferenceLayer(
            attention_norm=block.input_layernorm,
            W_Q=split_heads(attention.q_proj.weight, heads),
            W_K=split_heads(attention.k_proj.weight, groups),
            W_V=split_heads(attention.v_proj.weight, groups),
            W_O=split_output(attention.o_proj.weight, heads),
            b_Q=bias(attention.q_proj, heads),
            b_K=bias(attention.k_proj, groups),
            b_V=bias(attention.v_proj, groups),
            b_O=bias(attention.o_proj),
            mlp=lambda x: block.mlp(block.post_attention_layernorm(x)),
            rotate=rotate,
        )

    return ReferenceModel(
        embed=body.embed_tokens,
        layers=tuple(layer(block) for block in body.layers),
        unembed=lambda x: module.lm_head(body.norm(x)),
    )


def gemma2(module: Any) -> ReferenceModel:
    """Gemma2ForCausalLM: norms on both sides, softcaps, every other layer a sliding window."""
    plain = llama(module)
    body, config = module.model, module.config
    scale = math.sqrt(config.query_pre_attn_scalar)

    def layer(weights: ReferenceLayer, block: Any, kind: str) -> ReferenceLayer:
        return ReferenceLayer(
            **{
                **vars(weights),
                "mlp": lambda x: block.post_feedforward_layernorm(
                    block.mlp(block.pre_feedforward_layernorm(x))
                ),
                "after_attention": block.post_attention_layernorm,
                "scale": scale,
                "softcap": config.attn_logit_softcapping,
                "window": config.sliding_window if kind == "sliding_attention" else None,
            }
        )

    def unembed(x: torch.Tensor) -> torch.Tensor:
        cap = config.final_logit_softcapping
        logits = module.lm_head(body.norm(x))
        result: torch.Tensor = cap * torch.tanh(logits / cap)
        return result

    # The factor is rounded to float32, as the model rounds it.
    factor = torch.tensor(config.hidden_size**0.5, dtype=torch.float32).double()
    layers = zip(plain.layers, body.layers, config.layer_types, strict=True)
    return ReferenceModel(
        embed=lambda ids: torch.nn.functional.embedding(ids, body.embed_tokens.weight) * factor,
        layers=tuple(layer(*parts) for parts in layers),
        unembed=unembed,
    )


def native(module: Any, *, base: float = 10000.0) -> ReferenceModel:
    """TransformerLens' native model."""
    config = module.cfg
    heads = config.n_heads
    groups = config.n_key_value_heads or heads
    rotary = getattr(config, "positional_embedding_type", "standard") == "rotary"
    positions = getattr(module, "positions", None)
    # A shortformer is a rotary model to TransformerLens: neither touches the stream.
    turns = rotary and positions is None
    rotate = rotate_pairs(base, config.rotary_dim or config.d_head) if turns else unrotated

    def layer(block: Any) -> ReferenceLayer:
        attention = block.attn
        return ReferenceLayer(
            attention_norm=block.ln1,
            W_Q=split_heads(attention.q.weight, heads),
            W_K=split_heads(attention.k.weight, groups),
            W_V=split_heads(attention.v.weight, groups),
            W_O=split_output(attention.o.weight, heads),
            b_Q=bias(attention.q, heads),
            b_K=bias(attention.k, groups),
            b_V=bias(attention.v, groups),
            b_O=bias(attention.o),
            mlp=None if config.attn_only else lambda x: block.mlp(block.ln2(x)),
            rotate=rotate,
            positions=None if positions is None else positions.weight.detach(),
        )

    def embed(ids: torch.Tensor) -> torch.Tensor:
        tokens = module.tok_embed(ids)
        result: torch.Tensor = tokens if rotary else tokens + module.pos.weight[: len(ids)]
        return result

    return ReferenceModel(
        embed=embed,
        layers=tuple(layer(block) for block in module.layers),
        unembed=lambda x: module.head(module.ln_out(x)),
        causal=config.attention_dir == "causal",
    )

"""Small random models of every architecture, in float64, and a plain twin of each."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from pathpatch_runner.config import Dtype, ModelConfig
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.model.source import source_of

SEED = 3
OLD = {"n_layer": 2, "n_head": 2, "n_embd": 16, "vocab_size": 11, "n_positions": 16}
NEW = {
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 16,
    "vocab_size": 11,
    "max_position_embeddings": 16,
    "intermediate_size": 32,
}
GROUPED = {**NEW, "num_key_value_heads": 2}
FALCON = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16, "vocab_size": 11}
RANDOM: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2", OLD),
    "gptj": ("gptj", {**OLD, "rotary_dim": 4}),
    "gpt_neox": ("gpt_neox", NEW),
    "gpt_neox sequential": ("gpt_neox", {**NEW, "use_parallel_residual": False}),
    "llama": ("llama", GROUPED),
    "qwen2": ("qwen2", GROUPED),
    "gemma2": ("gemma2", {**GROUPED, "head_dim": 8}),
    "falcon": ("falcon", FALCON),
}
NATIVE_FIELDS: dict[str, Any] = {
    "n_layers": 2,
    "n_heads": 2,
    "d_model": 16,
    "d_head": 8,
    "n_ctx": 16,
    "d_vocab": 11,
    "normalization_type": "LN",
    "positional_embedding_type": "standard",
}
MLP_FIELDS = {**NATIVE_FIELDS, "d_mlp": 32, "act_fn": "relu"}
ROTARY = {"positional_embedding_type": "rotary", "rotary_dim": 4}
NATIVE: dict[str, dict[str, Any]] = {
    "attention only": {**NATIVE_FIELDS, "attn_only": True},
    "with MLPs": MLP_FIELDS,
    "rotary": {**MLP_FIELDS, **ROTARY},
    "grouped": {**MLP_FIELDS, **ROTARY, "n_heads": 4, "d_head": 4, "n_key_value_heads": 2},
    "bidirectional": {**MLP_FIELDS, "attention_dir": "bidirectional"},
    "capped": {**MLP_FIELDS, "attn_scores_soft_cap": 0.5},
}
_OF_SIXTEEN: dict[str, Any] = {"n_layers": 2, "d_model": 16, "d_vocab": 11}
SHAPES = {
    "gpt2": ModelShape(n_heads=2, d_head=8, n_ctx=16, d_mlp=64, **_OF_SIXTEEN),
    "gptj": ModelShape(n_heads=2, d_head=8, n_ctx=16, d_mlp=64, parallel=True, **_OF_SIXTEEN),
    "gpt_neox": ModelShape(n_heads=4, d_head=4, n_ctx=16, d_mlp=32, parallel=True, **_OF_SIXTEEN),
    "gpt_neox sequential": ModelShape(n_heads=4, d_head=4, n_ctx=16, d_mlp=32, **_OF_SIXTEEN),
    "llama": ModelShape(
        n_heads=4,
        d_head=4,
        n_ctx=16,
        d_mlp=32,
        n_key_value_heads=2,
        gated_mlp=True,
        **_OF_SIXTEEN,
    ),
    "gemma2": ModelShape(
        n_heads=4,
        d_head=8,
        n_ctx=16,
        d_mlp=32,
        n_key_value_heads=2,
        gated_mlp=True,
        separable_heads=False,
        **_OF_SIXTEEN,
    ),
    "falcon": ModelShape(
        n_heads=2,
        d_head=8,
        n_ctx=2048,
        d_mlp=64,
        n_key_value_heads=1,
        parallel=True,
        **_OF_SIXTEEN,
    ),
}
SHAPES["qwen2"] = SHAPES["llama"]


def random_model(name: str) -> RandomModelConfig:
    architecture, fields = RANDOM[name]
    return RandomModelConfig(architecture=architecture, config=fields, dtype=Dtype.float64)


def native_model(name: str) -> NativeModelConfig:
    return NativeModelConfig(config=NATIVE[name], dtype=Dtype.float64)


def config_of(name: str) -> ModelConfig:
    return native_model(name) if name in NATIVE else random_model(name)


@cache
def loaded(name: str) -> LoadedModel:
    return load_model(source_of(config_of(name), SEED), "cpu")


def plain_twin(name: str) -> Any:
    """The same weights in a Hugging Face model that no bridge has touched."""
    from transformers import AutoConfig, AutoModelForCausalLM

    architecture, fields = RANDOM[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        made = AutoModelForCausalLM.from_config(AutoConfig.for_model(architecture, **fields))
    return made.double().eval()

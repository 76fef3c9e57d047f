"""Small random models of every architecture class, each with its independent reference."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from pathpatch_runner.config import Dtype
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.model.local import LocalModelConfig
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.source import source_of
from reference import architectures
from reference.reference_model import ReferenceModel

OLD = {"n_layer": 2, "n_head": 2, "n_embd": 16, "vocab_size": 11, "n_positions": 16}
NEW = {
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 16,
    "vocab_size": 11,
    "max_position_embeddings": 16,
    "intermediate_size": 24,
}
GROUPED = {**NEW, "num_key_value_heads": 2}
TWO_HEADS = {**NEW, "num_attention_heads": 2}
HUGGING_FACE: dict[str, tuple[str, dict[str, Any], Callable[[Any], ReferenceModel]]] = {
    "gpt2": ("gpt2", OLD, architectures.gpt2),
    "gptj": ("gptj", {**OLD, "rotary_dim": 4}, architectures.gptj),
    "gpt_neox": ("gpt_neox", TWO_HEADS, architectures.gpt_neox),
    "llama": ("llama", GROUPED, architectures.llama),
    "qwen2": ("qwen2", GROUPED, architectures.llama),
    "gemma2": ("gemma2", {**GROUPED, "head_dim": 8, "sliding_window": 2}, architectures.gemma2),
}
FIELDS: dict[str, Any] = {
    "n_layers": 2,
    "n_heads": 2,
    "d_model": 16,
    "d_head": 8,
    "n_ctx": 16,
    "d_vocab": 11,
    "normalization_type": "LN",
    "positional_embedding_type": "standard",
    "act_fn": "relu",
}
ROTARY = {"positional_embedding_type": "rotary", "rotary_dim": 4}
NATIVE: dict[str, dict[str, Any]] = {
    "attention only": {**FIELDS, "attn_only": True},
    "native": {**FIELDS, "d_mlp": 24},
    "native rotary grouped": {
        **FIELDS,
        **ROTARY,
        "d_mlp": 24,
        "n_heads": 4,
        "d_head": 4,
        "n_key_value_heads": 2,
    },
    "shortformer": {**FIELDS, "attn_only": True, "positional_embedding_type": "shortformer"},
    "bidirectional": {**FIELDS, "d_mlp": 24, "attention_dir": "bidirectional"},
    "classifier": {
        **FIELDS,
        "d_mlp": 24,
        "attention_dir": "bidirectional",
        "d_vocab_out": 5,
    },
}
NAMES = (*HUGGING_FACE, *NATIVE)
TOLERANCE = dict.fromkeys(NAMES, 1e-9) | {
    # These compute their norms (or, GPT-J, its rotation) in float32 whatever the number format.
    "llama": 1e-5,
    "qwen2": 1e-5,
    "gemma2": 1e-4,
    "gptj": 1e-6,
}


@dataclass(frozen=True)
class Specimen:
    """A loaded model in float64 and what is believed of it."""

    model: LoadedModel
    reference: ReferenceModel


@cache
def specimen(name: str) -> Specimen:
    """The model of that name. Weights are large enough that everything matters."""
    if name in NATIVE:
        return _native(NATIVE[name])
    model_type, fields, reference = HUGGING_FACE[name]
    torch.manual_seed(1)
    config = AutoConfig.for_model(model_type, **fields)
    plain = AutoModelForCausalLM.from_config(config, attn_implementation="eager").double().eval()
    _enlarge(plain)
    with tempfile.TemporaryDirectory() as folder:
        plain.save_pretrained(folder)
        model = load_model(source_of(LocalModelConfig(path=folder, dtype=Dtype.float64), 0), "cpu")
    return Specimen(model, reference(plain))


def _native(fields: dict[str, Any]) -> Specimen:
    model = load_model(
        source_of(NativeModelConfig(config=dict(fields), dtype=Dtype.float64), 0), "cpu"
    )
    torch.manual_seed(1)
    _enlarge(model.bridge.original_model)
    return Specimen(model, architectures.native(model.bridge.original_model))


def _enlarge(module: Any) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.6)

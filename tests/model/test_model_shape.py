"""Shapes from configs alone, written down by hand, and equal to those of the loaded models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model.small_models import (
    GROUPED,
    MLP_FIELDS,
    NATIVE,
    NATIVE_FIELDS,
    RANDOM,
    SHAPES,
    config_of,
    loaded,
)
from pathpatch_runner.config import ModelConfig
from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.local import LocalModelConfig
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.model.source import source_of


def model_shape(config: ModelConfig) -> ModelShape | None:
    return source_of(config, 0).shape


@pytest.mark.parametrize("name", RANDOM)
def test_the_shape_of_an_architecture(name: str) -> None:
    assert model_shape(config_of(name)) == SHAPES[name]


def test_the_shape_of_native_models() -> None:
    common: dict[str, Any] = {"n_layers": 2, "d_model": 16, "n_ctx": 16, "d_vocab": 11}
    assert model_shape(config_of("attention only")) == ModelShape(
        n_heads=2, d_head=8, attn_only=True, **common
    )
    assert model_shape(config_of("grouped")) == ModelShape(
        n_heads=4, d_head=4, d_mlp=32, n_key_value_heads=2, **common
    )
    assert model_shape(config_of("bidirectional")) == ModelShape(
        n_heads=2, d_head=8, d_mlp=32, causal=False, **common
    )


@pytest.mark.parametrize("name", [*RANDOM, *NATIVE])
def test_the_loaded_model_agrees(name: str) -> None:
    model = loaded(name)
    assert model.shape == model_shape(config_of(name))


def test_a_native_config_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(MLP_FIELDS))
    assert model_shape(NativeModelConfig(config=str(file))) == model_shape(config_of("with MLPs"))


def test_a_local_directory_is_read_without_its_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", **GROUPED}))
    assert model_shape(LocalModelConfig(path=str(tmp_path))) == SHAPES["llama"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            NativeModelConfig(config={**NATIVE_FIELDS, "d_head": None, "n_ctx": "16"}),
            "model.config: needs n_ctx, d_head as whole numbers. A native model is made from "
            "TransformerBridgeConfig fields",
        ),
        (
            NativeModelConfig(config=["n_layers"]),
            "model.config: ['n_layers'] is neither a mapping of TransformerBridgeConfig fields "
            "nor the path of a JSON file of them",
        ),
        (
            RandomModelConfig(architecture="gpt_neo_x", config={}),
            'model.architecture: unknown architecture "gpt_neo_x". Did you mean "gpt_neox"? Use a '
            "Hugging Face model type such as gpt2, gpt_neox, llama, qwen2 or gemma2",
        ),
        (
            RandomModelConfig(architecture="gpt2", config={"n_layers": 2}),
            'model.config: "gpt2" has no field "n_layers". Did you mean "n_layer"? Fields are '
            "those of its Hugging Face config",
        ),
        (
            RandomModelConfig(architecture="mamba", config={}),
            'model: the config of architecture "mamba" does not say n_heads as a whole number '
            "(none of num_attention_heads, n_head, n_heads, num_heads, attention_heads), so it is "
            "not read as a decoder of text",
        ),
        (
            LocalModelConfig(path="nowhere"),
            'model.path: no directory "nowhere"',
        ),
    ],
)
def test_what_cannot_be_a_model_is_said_so(config: Any, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        model_shape(config)
    assert str(caught.value) == message


def test_a_directory_without_a_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config\.json\. A local model is a directory as"):
        model_shape(LocalModelConfig(path=str(tmp_path)))


def test_a_field_of_the_wrong_type() -> None:
    with pytest.raises(ModelError, match="Field 'n_layer' expected int, got str"):
        model_shape(RandomModelConfig(architecture="gpt2", config={"n_layer": "two"}))

"""Loading: logits equal those of a plain Hugging Face model, and every mistake has its message."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from model.small_models import (
    MLP_FIELDS,
    NATIVE,
    RANDOM,
    SHAPES,
    config_of,
    loaded,
    native_model,
    plain_twin,
)
from pathpatch_runner.config import Dtype, WeightProcessing
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.gguf import GgufModelConfig
from pathpatch_runner.model.hub import HubModelConfig
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.local import LocalModelConfig
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.random import RandomModel, RandomModelConfig
from pathpatch_runner.model.source import source_of

# 0 is the padding token of Llama and Gemma; 11 tokens in all.
IDS = torch.tensor([[0, 1, 0, 7, 0, 10], [5, 0, 0, 2, 2, 0]])
SMALL = RandomModelConfig(architecture="gpt2", config=RANDOM["gpt2"][1])


@pytest.mark.parametrize("name", RANDOM)
def test_logits_equal_those_of_a_plain_model(name: str) -> None:
    with torch.no_grad():
        expected = plain_twin(name)(IDS).logits
    # Llama-likes compute their norms in float32, GPT-J as the bridge runs it its scores.
    atol = 1e-6 if name == "gptj" or not name.startswith("gpt") else 1e-12
    torch.testing.assert_close(loaded(name).forward(IDS, []), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("asked", [True, False])
def test_products_are_rounded_to_tf32_only_if_asked(asked: bool) -> None:
    load_model(source_of(dataclasses.replace(SMALL, tf32=asked), 0), "cpu")
    assert torch.backends.cuda.matmul.allow_tf32 is asked
    load_model(source_of(SMALL, 0), "cpu")
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize("name", ["llama", "gpt2", "rotary"])
def test_a_padding_token_is_a_token(name: str) -> None:
    """A later padding token changes nothing before it; an earlier one is attended to."""
    model = loaded(name)
    pad = getattr(getattr(model.bridge.original_model, "config", None), "pad_token_id", None) or 0
    ids = torch.tensor([[4, pad, 3]])
    seen: list[torch.Tensor] = []

    def keep(pattern: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        seen.append(pattern)
        return pattern

    model.forward(ids, [(model.hook_points.layers[0].pattern, keep)])
    assert float(seen[0][..., 2, 1].min()) > 0


def test_parameters_are_fixed_and_the_model_evaluates() -> None:
    model = loaded("gpt2")
    assert not model.bridge.training
    assert not any(parameter.requires_grad for parameter in model.bridge.parameters())
    assert not model.forward(IDS, []).requires_grad
    assert (model.name, model.dtype, model.device.type) == ("random-gpt2", torch.float64, "cpu")
    assert model.tokenizer is None


def test_hooks_are_removed_whatever_happens() -> None:
    model = loaded("gpt2")
    before = model.forward(IDS, [])

    def fail(values: torch.Tensor, hook: Any) -> torch.Tensor:
        del values, hook
        raise RuntimeError("in a hook")

    def erase(values: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        return torch.zeros_like(values)

    with pytest.raises(RuntimeError, match="in a hook"):
        model.forward(IDS, [("hook_embed", erase), (model.hook_points.layers[1].z, fail)])
    assert not torch.equal(model.forward(IDS, [("hook_embed", erase)]), before)
    assert torch.equal(model.forward(IDS, []), before)


@pytest.mark.parametrize("name", ["gpt2", "with MLPs"])
def test_random_weights_depend_on_the_seed_alone(name: str) -> None:
    config = config_of(name)
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    one = load_model(source_of(config, 1), "cpu").forward(IDS, [])
    assert torch.equal(torch.rand(3), expected), "the global generator was used"
    assert torch.equal(load_model(source_of(config, 1), "cpu").forward(IDS, []), one)
    assert not torch.equal(load_model(source_of(config, 2), "cpu").forward(IDS, []), one)


@pytest.mark.parametrize("name", ["gpt2", "attention only"])
def test_processed_weights_give_the_same_probabilities(name: str) -> None:
    config = dataclasses.replace(config_of(name), weight_processing=WeightProcessing.compatibility)
    found = load_model(source_of(config, 3), "cpu").forward(IDS, []).log_softmax(-1)
    expected = loaded(name).forward(IDS, []).log_softmax(-1)
    # The processing itself folds in float32.
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", Dtype)
def test_every_number_format_passes_the_probe(dtype: Dtype) -> None:
    model = load_model(source_of(dataclasses.replace(SMALL, dtype=dtype), 0), "cpu")
    assert model.forward(IDS, []).dtype == model.dtype == getattr(torch, dtype.value)


def test_loading_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    load_model(source_of(SMALL, 0), "cpu")
    load_model(source_of(native_model("attention only"), 0), "cpu")
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> None:
        calls.append(arguments)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return calls


def test_a_local_model_without_a_network_or_a_word(
    tmp_path: Path, no_network: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    twin = plain_twin("llama")
    twin.save_pretrained(tmp_path / "tiny")
    config = LocalModelConfig(path=str(tmp_path / "tiny"), dtype=Dtype.float64)
    model = load_model(source_of(config, 0), "cpu")
    with torch.no_grad():
        expected = twin(IDS).logits
    torch.testing.assert_close(model.forward(IDS, []), expected, rtol=0, atol=1e-6)
    assert (model.name, model.shape, model.tokenizer) == ("tiny", SHAPES["llama"], None)
    assert no_network == []
    capfd.readouterr()
    load_model(source_of(config, 0), "cpu")
    assert capfd.readouterr() == ("", "")


def test_weights_that_are_missing_are_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    plain_twin("llama").save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ModelError) as caught:
        load_model(source_of(LocalModelConfig(path=str(tmp_path)), 0), "cpu")
    assert str(caught.value) == (
        f'model: the weights of "{tmp_path.name}" are not complete: '
        "model.layers.1.mlp.up_proj.weight is missing"
    )


def test_weights_that_cannot_be_read(tmp_path: Path) -> None:
    plain_twin("llama").save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ModelError, match=f'the weights of "{tmp_path.name}" cannot be read: '):
        load_model(source_of(LocalModelConfig(path=str(tmp_path)), 0), "cpu")


def test_a_gguf_file_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "small.gguf"
    file.write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=r'^model\.path: ".*small\.gguf" is a broken GGUF file'):
        load_model(source_of(GgufModelConfig(path=str(file)), 0), "cpu")


def test_a_directory_without_weights(tmp_path: Path) -> None:
    plain_twin("llama").config.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=rf'model: "{tmp_path.name}" cannot be loaded: '):
        load_model(source_of(LocalModelConfig(path=str(tmp_path)), 0), "cpu")


def test_a_hub_that_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: list[Any]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        load_model(source_of(HubModelConfig(name="nobody/nothing"), 0), "cpu")
    assert str(caught.value) == (
        'model.name: the files of "nobody/nothing" are not in the cache and HF_HUB_OFFLINE=1 is '
        "set. Download them where there is a network (`hf download nobody/nothing`), or use model "
        "kind local"
    )
    assert no_network == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            NativeModelConfig(config={**MLP_FIELDS, "d_hed": 8}),
            'model.config: unknown field "d_hed". Did you mean "d_head"? Fields are those of '
            "TransformerLens' TransformerBridgeConfig",
        ),
        (
            NativeModelConfig(config={**MLP_FIELDS, "act_fn": "step"}),
            "model.config: no such native model: Unsupported act_fn='step'. Supported: "
            "['gelu', 'gelu_new', 'relu', 'silu', 'solu', 'solu_ln', 'swish']",
        ),
        (
            NativeModelConfig(config=NATIVE["attention only"], weights="gone.safetensors"),
            'model.weights: no file "gone.safetensors"',
        ),
    ],
)
def test_native_mistakes(config: NativeModelConfig, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(source_of(config, 0), "cpu")
    assert str(caught.value) == message


def test_an_architecture_that_is_no_language_model() -> None:
    with pytest.raises(ModelError, match='no causal language model "vit" can be made from'):
        load_model(source_of(RandomModelConfig(architecture="vit", config={}), 0), "cpu")


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ModelError) as caught:
        load_model(source_of(SMALL, 0), "cuda:99")
    assert str(caught.value).startswith(
        'runtime.device: "cuda:99" is not available here. Available: auto, cpu'
    )


def test_a_number_format_the_device_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise TypeError("no float64 here")

    monkeypatch.setattr("torch.softmax", refuse)
    with pytest.raises(ModelError) as caught:
        load_model(source_of(dataclasses.replace(SMALL, dtype=Dtype.float64), 0), "cpu")
    assert str(caught.value) == (
        "model.dtype: float64 cannot be used on cpu. Others: float32, bfloat16, float16; float32 "
        "works everywhere"
    )


def test_a_config_that_disagrees_with_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = dataclasses.replace(SHAPES["gpt2"], n_layers=3, n_ctx=8)
    monkeypatch.setattr(RandomModel, "shape", wrong)
    with pytest.raises(ModelError) as caught:
        load_model(source_of(SMALL, 0), "cpu")
    assert str(caught.value) == (
        'model "random-gpt2": its config and the loaded model disagree: n_layers 3 and 2, n_ctx 8 '
        "and 16. Check the config against the weights"
    )

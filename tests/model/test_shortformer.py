"""Positions in queries and keys only, against a forward pass written out in this file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from pathpatch_runner.config import Dtype, HubModelConfig, NativeModelConfig, WeightProcessing
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.shape import model_shape

IDS = [3, 1, 4, 1, 5]
FIELDS: dict[str, Any] = {
    "n_layers": 2,
    "n_heads": 2,
    "d_model": 16,
    "d_head": 8,
    "n_ctx": 12,
    "d_vocab": 11,
    "act_fn": "relu",
    "attn_only": True,
    "normalization_type": "LN",
    "positional_embedding_type": "shortformer",
}
LEGACY = {
    **{name: value for name, value in FIELDS.items() if name != "positional_embedding_type"},
    "shortformer_pos": True,
    "tokenizer_name": "somebody/tokens",
}
Weights = dict[str, torch.Tensor]


def random_weights() -> Weights:
    generator = torch.Generator().manual_seed(0)
    sizes: dict[str, tuple[int, ...]] = {
        "embed.W_E": (11, 16),
        "pos_embed.W_pos": (12, 16),
        "unembed.W_U": (16, 11),
        "ln_final.w": (16,),
        "ln_final.b": (16,),
    }
    for layer in range(2):
        block = f"blocks.{layer}"
        sizes |= {f"{block}.ln1.w": (16,), f"{block}.ln1.b": (16,)}
        for slot in "QKV":
            sizes[f"{block}.attn.W_{slot}"] = (2, 16, 8)
            sizes[f"{block}.attn.b_{slot}"] = (2, 8)
        sizes |= {f"{block}.attn.W_O": (2, 8, 16), f"{block}.attn.b_O": (16,)}
    return {
        name: torch.randn(size, generator=generator, dtype=torch.float64) * 0.5
        for name, size in sizes.items()
    }


def expected_logits(weights: Weights, ids: list[int]) -> torch.Tensor:
    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * weights[f"{name}.w"] + weights[f"{name}.b"]

    positions = weights["pos_embed.W_pos"][: len(ids)]
    x = weights["embed.W_E"][ids]
    for layer in range(2):
        block = f"blocks.{layer}"
        normed, written = norm(x, f"{block}.ln1"), weights[f"{block}.attn.b_O"].clone()
        placed = normed + positions
        for head in range(2):
            q, k, v = (
                read @ weights[f"{block}.attn.W_{slot}"][head]
                + weights[f"{block}.attn.b_{slot}"][head]
                for slot, read in (("Q", placed), ("K", placed), ("V", normed))
            )
            scores = (q @ k.T / 8**0.5).masked_fill(~torch.ones(5, 5).tril().bool(), -torch.inf)
            written = written + scores.softmax(-1) @ v @ weights[f"{block}.attn.W_O"][head]
        x = x + written
    return norm(x, "ln_final") @ weights["unembed.W_U"]


def test_equals_the_forward_pass_written_out(tmp_path: Path) -> None:
    weights = random_weights()
    save_file(weights, tmp_path / "model.safetensors")
    config = NativeModelConfig(
        config=FIELDS, weights=str(tmp_path / "model.safetensors"), dtype=Dtype.float64
    )
    model = load_model(config, 0, "cpu")
    logits = model.forward(torch.tensor([IDS]), [])[0]
    torch.testing.assert_close(logits, expected_logits(weights, IDS), rtol=0, atol=1e-12)


def test_the_stream_knows_no_positions() -> None:
    """The same token everywhere is the same stream everywhere, whatever attends to what."""
    model = load_model(NativeModelConfig(config=FIELDS, dtype=Dtype.float64), 0, "cpu")
    logits = model.forward(torch.tensor([[7] * 6]), [])[0]
    torch.testing.assert_close(logits, logits[:1].expand(6, -1), rtol=0, atol=1e-12)


def test_norms_are_not_folded_past_the_positions() -> None:
    config = NativeModelConfig(config=FIELDS, weight_processing=WeightProcessing.compatibility)
    with pytest.raises(ModelError) as caught:
        load_model(config, 0, "cpu")
    assert str(caught.value) == (
        'model "native-random": weight_processing=compatibility would fold its norms into queries '
        "and keys, past the positions added between them. Use weight_processing=none"
    )


def cached_repository(cache: Path, name: str, said: dict[str, Any], weights: Weights) -> None:
    """A hub cache that holds a repository in TransformerLens' old format."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    (snapshot / "config.json").write_text(json.dumps(said))
    masks = {"blocks.0.attn.mask": torch.ones(1), "blocks.1.attn.IGNORE": torch.ones(1)}
    torch.save({**weights, **masks}, snapshot / "redwood_final.pth")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its repository is another one."""
    monkeypatch.setattr("pathpatch_runner.model.load.load_tokenizer", lambda _: None)


@pytest.mark.usefixtures("no_tokenizer")
def test_the_paper_s_model_from_the_cache(cache: Path) -> None:
    weights = random_weights()
    cached_repository(cache, "ArthurConmy/redwood_attn_2l", LEGACY, weights)
    config = HubModelConfig(name="ArthurConmy/redwood_attn_2l", dtype=Dtype.float64)
    shape = model_shape(config)
    assert shape is not None
    assert (shape.n_layers, shape.n_heads, shape.attn_only) == (2, 2, True)
    model = load_model(config, 0, "cpu")
    logits = model.forward(torch.tensor([IDS]), [])[0]
    torch.testing.assert_close(logits, expected_logits(weights, IDS), rtol=0, atol=1e-12)


@pytest.mark.usefixtures("no_tokenizer")
def test_another_old_model_from_the_cache(cache: Path) -> None:
    """Standard positions and an MLP."""
    fields = {**FIELDS, "attn_only": False, "d_mlp": 20, "positional_embedding_type": "standard"}
    twin = load_model(NativeModelConfig(config=fields, dtype=Dtype.float64), 0, "cpu")
    names = {"q": "Q", "k": "K", "v": "V"}
    inner = twin.bridge.original_model
    weights = {
        "embed.W_E": inner.tok_embed.weight,
        "pos_embed.W_pos": inner.pos.weight,
        "unembed.W_U": inner.head.weight.T,
        "ln_final.w": inner.ln_out.weight,
        "ln_final.b": inner.ln_out.bias,
    }
    for layer, block in enumerate(inner.layers):
        here = f"blocks.{layer}"
        for part, slot in names.items():
            linear = getattr(block.attn, part)
            weights[f"{here}.attn.W_{slot}"] = linear.weight.unflatten(0, (2, 8)).mT
            weights[f"{here}.attn.b_{slot}"] = linear.bias.unflatten(0, (2, 8))
        weights[f"{here}.attn.W_O"] = block.attn.o.weight.T.unflatten(0, (2, 8))
        weights[f"{here}.attn.b_O"] = block.attn.o.bias
        for name in ("ln1", "ln2"):
            weights[f"{here}.{name}.w"] = getattr(block, name).weight
            weights[f"{here}.{name}.b"] = getattr(block, name).bias
        for name, linear in (("in", block.mlp.fc_in), ("out", block.mlp.fc_out)):
            weights[f"{here}.mlp.W_{name}"] = linear.weight.T
            weights[f"{here}.mlp.b_{name}"] = linear.bias
    plain = {name: tensor.detach().clone() for name, tensor in weights.items()}
    said = {**fields, "normalization": "LN"}
    cached_repository(cache, "NeelNanda/small", said, plain)
    model = load_model(HubModelConfig(name="NeelNanda/small", dtype=Dtype.float64), 0, "cpu")
    ids = torch.tensor([IDS])
    torch.testing.assert_close(model.forward(ids, []), twin.forward(ids, []), rtol=0, atol=1e-12)


def test_a_config_that_says_too_little(cache: Path) -> None:
    said = {name: value for name, value in LEGACY.items() if name != "n_ctx"}
    cached_repository(cache, "ArthurConmy/redwood_attn_2l", said, random_weights())
    with pytest.raises(ModelError, match=r"does not say n_ctx$"):
        load_model(HubModelConfig(name="ArthurConmy/redwood_attn_2l"), 0, "cpu")

"""Positions in queries and keys only, against a forward pass written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from model.small_models import NATIVE
from model.written_out import Weights, expected_logits, random_weights
from pathpatch_runner.config import Dtype, WeightProcessing
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.hub import HubModelConfig
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.source import source_of

IDS = [3, 1, 4, 1, 5]
FIELDS: dict[str, Any] = {
    **NATIVE["attention only"],
    "act_fn": "relu",
    "positional_embedding_type": "shortformer",
}
LEGACY = {
    **{name: value for name, value in FIELDS.items() if name != "positional_embedding_type"},
    "shortformer_pos": True,
    "tokenizer_name": "somebody/tokens",
}


def test_equals_the_forward_pass_written_out(tmp_path: Path) -> None:
    weights = random_weights()
    save_file(weights, tmp_path / "model.safetensors")
    config = NativeModelConfig(
        config=FIELDS, weights=str(tmp_path / "model.safetensors"), dtype=Dtype.float64
    )
    model = load_model(source_of(config, 0), "cpu")
    logits = model.forward(torch.tensor([IDS]), [])[0]
    torch.testing.assert_close(
        logits, expected_logits(weights, IDS, shortformer=True), rtol=0, atol=1e-12
    )


def test_the_stream_knows_no_positions() -> None:
    """The same token everywhere is the same stream everywhere, whatever attends to what."""
    model = load_model(source_of(NativeModelConfig(config=FIELDS, dtype=Dtype.float64), 0), "cpu")
    logits = model.forward(torch.tensor([[7] * 6]), [])[0]
    torch.testing.assert_close(logits, logits[:1].expand(6, -1), rtol=0, atol=1e-12)


def test_norms_are_not_folded_past_the_positions() -> None:
    config = NativeModelConfig(config=FIELDS, weight_processing=WeightProcessing.compatibility)
    with pytest.raises(ModelError) as caught:
        load_model(source_of(config, 0), "cpu")
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


def test_the_paper_s_model_from_the_cache(cache: Path) -> None:
    weights = random_weights()
    cached_repository(cache, "ArthurConmy/redwood_attn_2l", LEGACY, weights)
    config = HubModelConfig(name="ArthurConmy/redwood_attn_2l", dtype=Dtype.float64)
    shape = source_of(config, 0).shape
    assert shape is not None
    assert (shape.n_layers, shape.n_heads, shape.attn_only) == (2, 2, True)
    model = load_model(source_of(config, 0), "cpu")
    logits = model.forward(torch.tensor([IDS]), [])[0]
    torch.testing.assert_close(
        logits, expected_logits(weights, IDS, shortformer=True), rtol=0, atol=1e-12
    )


def test_another_old_model_from_the_cache(cache: Path) -> None:
    """Standard positions and an MLP."""
    weights = random_weights(d_mlp=20)
    said = {**LEGACY, "attn_only": False, "d_mlp": 20, "shortformer_pos": False}
    cached_repository(cache, "NeelNanda/small", said, weights)
    model = load_model(
        source_of(HubModelConfig(name="NeelNanda/small", dtype=Dtype.float64), 0), "cpu"
    )
    logits = model.forward(torch.tensor([IDS]), [])[0]
    torch.testing.assert_close(logits, expected_logits(weights, IDS), rtol=0, atol=1e-12)


def test_a_config_that_says_too_little(cache: Path) -> None:
    said = {name: value for name, value in LEGACY.items() if name != "n_ctx"}
    cached_repository(cache, "ArthurConmy/redwood_attn_2l", said, random_weights())
    with pytest.raises(ModelError, match=r"does not say n_ctx$"):
        load_model(source_of(HubModelConfig(name="ArthurConmy/redwood_attn_2l"), 0), "cpu")

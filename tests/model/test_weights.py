"""Native weights in TransformerLens names, against a forward pass written out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.small_models import MLP_FIELDS, NATIVE
from model.written_out import Weights, expected_logits, random_weights
from pathpatch_runner.config import Dtype
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.source import source_of


def load(tmp_path: Path, weights: Weights, fields: dict[str, object]) -> LoadedModel:
    file = tmp_path / "model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, file)
    config = NativeModelConfig(config=fields, weights=str(file), dtype=Dtype.float64)
    return load_model(source_of(config, 0), "cpu")


GROUPED = {**MLP_FIELDS, "n_heads": 4, "d_head": 4, "n_key_value_heads": 2}


@pytest.mark.parametrize(
    ("weights", "fields"),
    [
        (random_weights(), NATIVE["attention only"]),
        (random_weights(d_mlp=32), MLP_FIELDS),
        (random_weights(n_heads=4, n_kv=2, d_head=4, d_mlp=32), GROUPED),
    ],
    ids=["attention only", "with MLPs", "grouped"],
)
def test_logits(tmp_path: Path, weights: Weights, fields: dict[str, object]) -> None:
    ids = [3, 0, 7, 3, 10]
    found = load(tmp_path, weights, fields).forward(torch.tensor([ids]), [])[0]
    # Far below what rounding the file to float32 would cost.
    torch.testing.assert_close(found, expected_logits(weights, ids), rtol=0, atol=1e-12)


def test_a_missing_unembedding_bias_is_zero(tmp_path: Path) -> None:
    weights = random_weights()
    del weights["unembed.b_U"]
    found = load(tmp_path, weights, NATIVE["attention only"]).forward(torch.tensor([[1, 2]]), [])
    expected = expected_logits({**weights, "unembed.b_U": torch.zeros(11).double()}, [1, 2])
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-12)


def test_the_other_names_of_grouped_keys_and_values(tmp_path: Path) -> None:
    weights = random_weights(n_heads=4, n_kv=2, d_head=4, d_mlp=32)
    renamed = {}
    for name, tensor in weights.items():
        for usual in ("W_K", "W_V", "b_K", "b_V"):
            name = name.replace(f"attn.{usual}", f"attn._{usual}")
        renamed[name] = tensor
    renamed["blocks.0.attn.mask"] = torch.ones(16, 16)
    found = load(tmp_path, renamed, GROUPED).forward(torch.tensor([[1, 2]]), [])
    torch.testing.assert_close(found[0], expected_logits(weights, [1, 2]), rtol=0, atol=1e-12)


def test_all_misfits_are_told_at_once(tmp_path: Path) -> None:
    weights = random_weights()
    del weights["blocks.1.ln1.b"]
    weights["blocks.0.mlp.W_in"] = torch.zeros(16, 32)
    weights["blocks.0.attn.W_O"] = torch.zeros(8, 2, 16)
    weights["unembed.W_U"] = torch.zeros(16, 12)
    with pytest.raises(ModelError) as caught:
        load(tmp_path, weights, NATIVE["attention only"])
    assert str(caught.value) == (
        f'model.weights: "{tmp_path / "model.safetensors"}" does not fit model.config: '
        "blocks.1.ln1.b [16] is missing; blocks.0.mlp.W_in is not in the model; "
        "blocks.0.attn.W_O is [8, 2, 16], the model's is [2, 8, 16]; "
        "unembed.W_U is [16, 12], the model's is [16, 11]. Names and shapes are TransformerLens' "
        "(blocks.0.attn.W_Q [n_heads, d_model, d_head], ...)"
    )


def test_only_the_first_misfits_are_listed(tmp_path: Path) -> None:
    weights = {"embed.W_E": torch.zeros(11, 16)}
    with pytest.raises(ModelError, match=r"; and 16 more\. Names and shapes"):
        load(tmp_path, weights, NATIVE["attention only"])


def test_a_file_of_another_format(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"not tensors")
    config = NativeModelConfig(config=NATIVE["attention only"], weights=str(file))
    with pytest.raises(ModelError, match=r"is not a safetensors file: "):
        load_model(source_of(config, 0), "cpu")

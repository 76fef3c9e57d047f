"""Native weights in TransformerLens names, against a forward pass written out in this file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.small_models import MLP_FIELDS, NATIVE
from pathpatch_runner.config import Dtype, NativeModelConfig
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.load import LoadedModel, load_model

Weights = dict[str, torch.Tensor]


def random_weights(n_heads: int = 2, n_kv: int = 2, d_head: int = 8, d_mlp: int = 0) -> Weights:
    generator = torch.Generator().manual_seed(0)
    sizes: dict[str, tuple[int, ...]] = {
        "embed.W_E": (11, 16),
        "pos_embed.W_pos": (16, 16),
        "unembed.W_U": (16, 11),
        "unembed.b_U": (11,),
        "ln_final.w": (16,),
        "ln_final.b": (16,),
    }
    for layer in range(2):
        block = f"blocks.{layer}"
        sizes |= {f"{block}.ln1.w": (16,), f"{block}.ln1.b": (16,)}
        for slot, heads in (("Q", n_heads), ("K", n_kv), ("V", n_kv)):
            sizes[f"{block}.attn.W_{slot}"] = (heads, 16, d_head)
            sizes[f"{block}.attn.b_{slot}"] = (heads, d_head)
        sizes |= {f"{block}.attn.W_O": (n_heads, d_head, 16), f"{block}.attn.b_O": (16,)}
        if d_mlp:
            sizes |= {f"{block}.ln2.w": (16,), f"{block}.ln2.b": (16,)}
            sizes |= {f"{block}.mlp.W_in": (16, d_mlp), f"{block}.mlp.b_in": (d_mlp,)}
            sizes |= {f"{block}.mlp.W_out": (d_mlp, 16), f"{block}.mlp.b_out": (16,)}
    return {
        name: torch.randn(size, generator=generator, dtype=torch.float64) * 0.3
        for name, size in sizes.items()
    }


def expected_logits(weights: Weights, ids: list[int]) -> torch.Tensor:
    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * weights[f"{name}.w"] + weights[f"{name}.b"]

    x = weights["embed.W_E"][ids] + weights["pos_embed.W_pos"][: len(ids)]
    for layer in range(2):
        block = f"blocks.{layer}"
        normed, written = norm(x, f"{block}.ln1"), weights[f"{block}.attn.b_O"].clone()
        w_q, w_k, w_v, w_o = (weights[f"{block}.attn.W_{slot}"] for slot in "QKVO")
        b_q, b_k, b_v = (weights[f"{block}.attn.b_{slot}"] for slot in "QKV")
        for head in range(len(w_q)):
            shared = head * len(w_k) // len(w_q)
            scores = (normed @ w_q[head] + b_q[head]) @ (normed @ w_k[shared] + b_k[shared]).T
            later = torch.ones(len(ids), len(ids), dtype=torch.bool).triu(1)
            pattern = (scores / w_q.shape[-1] ** 0.5).masked_fill(later, -torch.inf).softmax(-1)
            written = written + pattern @ (normed @ w_v[shared] + b_v[shared]) @ w_o[head]
        x = x + written
        if f"{block}.mlp.W_in" in weights:
            hidden = norm(x, f"{block}.ln2") @ weights[f"{block}.mlp.W_in"]
            hidden = (hidden + weights[f"{block}.mlp.b_in"]).relu()
            x = x + hidden @ weights[f"{block}.mlp.W_out"] + weights[f"{block}.mlp.b_out"]
    return norm(x, "ln_final") @ weights["unembed.W_U"] + weights["unembed.b_U"]


def load(tmp_path: Path, weights: Weights, fields: dict[str, object]) -> LoadedModel:
    file = tmp_path / "model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, file)
    config = NativeModelConfig(config=fields, weights=str(file), dtype=Dtype.float64)
    return load_model(config, 0, "cpu")


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
        load_model(config, 0, "cpu")

"""Weights of a native model are read once, held once, and none are made up before."""

from __future__ import annotations

import gc
import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from model.small_models import MLP_FIELDS, NATIVE
from model.written_out import random_weights
from pathpatch_runner.config import Dtype
from pathpatch_runner.model import digest as digesting
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.move import moved
from pathpatch_runner.model.native import NativeModel, NativeModelConfig
from pathpatch_runner.model.source import source_of

ODD = 7919
"""A vocabulary whose size no other tensor has."""


def config_in(folder: Path, **fields: Any) -> NativeModelConfig:
    file = folder / "model.safetensors"
    save_file(random_weights(d_mlp=32), file)
    return NativeModelConfig(config={**MLP_FIELDS, **fields}, weights=str(file))


def test_nothing_is_made_up_that_is_then_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_in(tmp_path)
    made_up: list[int] = []
    for name in ("normal_", "uniform_"):
        draw = getattr(torch.Tensor, name)

        def noting(tensor: Any, *arguments: Any, draw: Any = draw, **named: Any) -> Any:
            if not tensor.is_meta:
                made_up.append(tensor.numel())
            return draw(tensor, *arguments, **named)

        monkeypatch.setattr(torch.Tensor, name, noting)
    bridge = source_of(config, 0).bridge(torch.float32)
    assert made_up == []
    source_of(NativeModelConfig(config=MLP_FIELDS), 0).bridge(torch.float32)
    assert sum(made_up) > 1000, "random models are made up"
    parameters = [*bridge.parameters(), *bridge.buffers()]
    assert not any(tensor.is_meta for tensor in parameters)


@pytest.mark.parametrize("dtype", [Dtype.float32, Dtype.float64, Dtype.bfloat16])
def test_weights_are_held_once(tmp_path: Path, dtype: Dtype) -> None:
    weights = random_weights()
    weights["embed.W_E"] = torch.randn(ODD, 16)
    weights["unembed.W_U"] = torch.randn(16, ODD)
    weights["unembed.b_U"] = torch.zeros(ODD)
    save_file(weights, tmp_path / "model.safetensors")
    del weights
    fields = {**NATIVE["attention only"], "d_vocab": ODD}
    config = NativeModelConfig(
        config=fields, weights=str(tmp_path / "model.safetensors"), dtype=dtype
    )
    model = load_model(source_of(config, 0), "cpu")
    gc.collect()
    held = {
        each.untyped_storage().data_ptr()
        for each in gc.get_objects()
        if issubclass(type(each), torch.Tensor) and ODD in each.shape and each.numel() > ODD
    }
    assert len(held) == 2, "the embedding and the unembedding, once each"
    assert next(model.bridge.parameters()).dtype == model.dtype


def test_files_are_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_in(tmp_path)
    hashed: list[Path] = []
    real = digesting.file_digest

    def counting(path: Path, where: str = "model") -> str:
        hashed.append(path)
        return real(path, where)

    monkeypatch.setattr("pathpatch_runner.model.native.file_digest", counting)
    source = source_of(config, 0)
    assert isinstance(source, NativeModel)
    first = source.digest
    model = load_model(source, "cpu")
    assert model.digest == source.digest == first
    assert hashed == [tmp_path / "model.safetensors"]
    expected = hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()
    assert real(tmp_path / "model.safetensors") == expected


def test_moving_says_where_a_bridge_is() -> None:
    bridge = source_of(NativeModelConfig(config=NATIVE["rotary"]), 0).bridge(torch.float32)
    assert moved(bridge, torch.device("cpu"), torch.float64) is bridge
    assert {weight.dtype for weight in bridge.parameters()} == {torch.float64}
    assert (bridge.cfg.dtype, bridge.cfg.device) == (torch.float64, "cpu")

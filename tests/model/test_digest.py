"""Digests see what can change results, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from model.small_models import NATIVE_FIELDS
from pathpatch_runner.config import ModelConfig
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.digest import file_digest
from pathpatch_runner.model.gguf import GgufModelConfig
from pathpatch_runner.model.hub import HubModelConfig
from pathpatch_runner.model.local import LocalModelConfig
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.model.source import source_of


def digest(config: ModelConfig) -> str:
    return source_of(config, 0).digest


def native(folder: Path, weights: bytes = b"w", **changed: object) -> NativeModelConfig:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text(json.dumps({**NATIVE_FIELDS, **changed}))
    return NativeModelConfig(
        config=str(folder / "config.json"), weights=str(folder / "model.safetensors")
    )


def test_a_file_is_hashed_in_full(tmp_path: Path) -> None:
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_digest(file) == expected


def test_where_a_native_model_lies_does_not_matter(tmp_path: Path) -> None:
    here, there = native(tmp_path / "here"), native(tmp_path / "there")
    inline = NativeModelConfig(config=dict(reversed(NATIVE_FIELDS.items())), weights=here.weights)
    assert digest(here) == digest(there) == digest(inline)
    assert len(digest(here)) == 16


def test_weights_config_and_tokenizer_matter(tmp_path: Path) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text("{}")
    plain = native(tmp_path / "a")
    with_tokenizer = native(tmp_path / "b")
    with_tokenizer.tokenizer = str(tokenizer)
    without = native(tmp_path / "c")
    without.weights = None
    configs = [
        plain,
        with_tokenizer,
        without,
        native(tmp_path / "d", weights=b"x"),
        native(tmp_path / "e", eps=1e-6),
    ]
    assert len({digest(config) for config in configs}) == 5


def test_every_file_of_a_local_model_matters(tmp_path: Path) -> None:
    found = []
    for name, text in (("one", "1"), ("other", "1"), ("changed", "2")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(text)
        found.append(digest(LocalModelConfig(path=str(folder))))
    assert found[0] == found[1] != found[2]


def test_a_random_model_is_its_config() -> None:
    one = RandomModelConfig(architecture="gpt2", config={"n_layer": 1, "n_head": 2})
    same = RandomModelConfig(architecture="gpt2", config={"n_head": 2, "n_layer": 1})
    other = RandomModelConfig(architecture="gpt2", config={"n_layer": 2, "n_head": 2})
    assert digest(one) == digest(same) != digest(other)


def test_a_hub_model_is_the_commit_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    refs = tmp_path / "models--me--mine" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text("c0ffee")
    (refs / "v2").write_text("beef")
    by_name = HubModelConfig(name="me/mine")
    assert digest(by_name) == digest(HubModelConfig(name="me/mine", revision="c0ffee"))
    tagged = HubModelConfig(name="me/mine", revision="v2")
    assert digest(tagged) == digest(HubModelConfig(name="me/mine", revision="beef"))
    assert digest(tagged) != digest(by_name)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (HubModelConfig(name="EleutherAI/pythia-70m"), "EleutherAI/pythia-70m"),
        (LocalModelConfig(path="somewhere/tiny"), "tiny"),
        (GgufModelConfig(path="a/SmolLM2-135M.Q4_1.gguf"), "SmolLM2-135M.Q4_1"),
        (GgufModelConfig(package="p", file="small.gguf"), "small"),
        (RandomModelConfig(architecture="llama"), "random-llama"),
        (NativeModelConfig(config={}), "native-random"),
        (NativeModelConfig(config={}, weights="induction/model/model.safetensors"), "induction"),
        (NativeModelConfig(config={}, weights="toys/gates.safetensors"), "gates"),
    ],
)
def test_short_names(config: ModelConfig, name: str) -> None:
    assert source_of(config, 0).name == name


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ModelError) as caught:
        digest(NativeModelConfig(config=NATIVE_FIELDS, weights="gone.safetensors"))
    assert str(caught.value) == 'model.weights: no file "gone.safetensors"'

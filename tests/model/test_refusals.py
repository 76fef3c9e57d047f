"""Files of a model that cannot be read: one message each, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from model.small_models import NATIVE, NATIVE_FIELDS, SHAPES, plain_twin
from model.written_out import random_weights
from pathpatch_runner.config import ModelConfig
from pathpatch_runner.errors import ModelError, NotAtHandError
from pathpatch_runner.model.gguf import GgufModelConfig
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.local import LocalModelConfig
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.source import ModelSource, source_of

BOM = b"\xef\xbb\xbf"
FIELDS = json.dumps(NATIVE_FIELDS)


def everything(source: ModelSource) -> None:
    """All that a run asks of a source, in its order."""
    _ = source.shape, source.digest, source.tokenizer
    load_model(source, "cpu")


def message_of(config: ModelConfig) -> str:
    with pytest.raises(ModelError) as caught:
        everything(source_of(config, 0))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def native(config: Path, **files: str) -> NativeModelConfig:
    return NativeModelConfig(config=str(config), **files)  # type: ignore[arg-type]  # file names


def test_a_config_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(BOM + FIELDS.encode())
    assert (
        source_of(native(file), 0).shape
        == source_of(NativeModelConfig(config=NATIVE_FIELDS), 0).shape
    )
    fields = {"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 16, "vocab_size": 11}
    file.write_bytes(BOM + json.dumps({**fields, "n_positions": 16}).encode())
    assert source_of(LocalModelConfig(path=str(tmp_path)), 0).shape == SHAPES["gpt2"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", ":1: not JSON: "),
        (b"{", ":1: not JSON: "),
        (b"[1]", " does not hold an object of fields"),
        (b"null", " does not hold an object of fields"),
        ("{}".encode("utf-16"), " is UTF-16 text"),
        (b'{"n_layers": \xe9}', " is not UTF-8 text: byte 13 (line 1) is 0xe9"),
        (b'{"n_layers": 1,\n"n_layers": 2}', '2: the key "n_layers" stands twice'),
        (b"[" * 100_000, "nested"),
    ],
)
def test_a_config_that_is_no_json(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(data)
    found = message_of(native(file))
    assert found.startswith(f'model.config: "{file}"')
    assert message in found
    found = message_of(LocalModelConfig(path=str(tmp_path)))
    assert found.startswith(f'model.path: "{file}"')
    assert message in found


@pytest.mark.parametrize("where", ["config", "weights", "tokenizer"])
def test_a_directory_where_a_native_model_needs_a_file(tmp_path: Path, where: str) -> None:
    config = NativeModelConfig(config=NATIVE_FIELDS)
    setattr(config, where, str(tmp_path))
    assert message_of(config).startswith(f'model.{where}: "{tmp_path}" is a directory')


@pytest.mark.parametrize("where", ["config", "weights", "tokenizer"])
def test_a_file_that_is_not_there(where: str) -> None:
    config = NativeModelConfig(config=NATIVE_FIELDS)
    setattr(config, where, "gone")
    assert message_of(config) == f'model.{where}: no file "gone"'


def test_weights_that_are_not_there_are_not_at_hand() -> None:
    """Which is no fault of the config: `regress` says so."""
    config = NativeModelConfig(config=NATIVE_FIELDS, weights="gone")
    with pytest.raises(NotAtHandError):
        _ = source_of(config, 0).digest


def test_other_kinds_that_are_not_there(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert message_of(LocalModelConfig(path="gone")) == 'model.path: no directory "gone"'
    assert message_of(LocalModelConfig(path=str(file))) == (
        f'model.path: "{file}" is a file, not a directory'
    )
    assert message_of(GgufModelConfig(path="gone.gguf")) == 'model.path: no file "gone.gguf"'
    assert message_of(GgufModelConfig(path=str(tmp_path))) == (
        f'model.path: "{tmp_path}" is a directory, not a file'
    )


@pytest.mark.parametrize("kind", ["native", "local", "gguf"])
def test_what_the_system_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As a file of somebody else's is; root may read everything, so it is refused here."""
    file = tmp_path / "config.json"
    file.write_text(FIELDS)
    opened = Path.open

    def refuse(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.parent == tmp_path:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", refuse)
    makers: dict[str, Callable[[], ModelConfig]] = {
        "native": lambda: native(file),
        "local": lambda: LocalModelConfig(path=str(tmp_path)),
        "gguf": lambda: GgufModelConfig(path=str(file)),
    }
    found = message_of(makers[kind]())
    assert found.startswith("model.")
    assert found.endswith("cannot be read: Permission denied")


@pytest.mark.parametrize("end", [".pt", ".pth", ".bin", ".pkl"])
def test_pickles_are_not_read(tmp_path: Path, end: str) -> None:
    file = tmp_path / f"weights{end}"
    torch.save({"a": torch.ones(1)}, file)
    told = (
        f'"weights{end}" is a Python pickle, which can run code when it is read, so it is not. '
        'Convert it where you trust it: python -c "import torch, safetensors.torch as s; '
        f"s.save_file(torch.load('weights{end}', weights_only=True), 'weights.safetensors')\""
    )
    config = NativeModelConfig(config=NATIVE["attention only"], weights=str(file))
    assert message_of(config) == f"model.weights: {told}"
    plain_twin("gpt2").config.save_pretrained(tmp_path)
    assert message_of(LocalModelConfig(path=str(tmp_path))) == f"model.path: {told}"


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"\xff" * 8 + b"{}", b"\2\0\0\0\0\0\0\0{}", b"\2\0\0\0\0\0\0\0[]" + b"x" * 99],
)
def test_weights_that_are_no_safetensors(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(data)
    config = NativeModelConfig(config=NATIVE["attention only"], weights=str(file))
    found = message_of(config)
    assert f'"{file}" is not a safetensors file' in found or f'"{file}" does not fit' in found
    plain_twin("gpt2").config.save_pretrained(tmp_path)
    found = message_of(LocalModelConfig(path=str(tmp_path)))
    assert "cannot be read" in found or "are not complete" in found or "cannot be loaded" in found


def test_weights_cut_in_the_middle(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file(random_weights(), file)
    file.write_bytes(file.read_bytes()[:-100])
    config = NativeModelConfig(config=NATIVE["attention only"], weights=str(file))
    assert f'"{file}" is not a safetensors file' in message_of(config)


def test_a_tokenizer_that_is_none(tmp_path: Path) -> None:
    plain_twin("gpt2").save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    tokenizer = source_of(LocalModelConfig(path=str(tmp_path)), 0).tokenizer
    assert tokenizer is not None, "read when the first text is"
    with pytest.raises(ModelError, match=f'model: "{tmp_path.name}" cannot be loaded: '):
        tokenizer.encode("a")

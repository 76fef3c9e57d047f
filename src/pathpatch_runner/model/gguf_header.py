"""The header of a GGUF file: its metadata and where its tensors lie. Neither torch nor numpy.

    "GGUF", version u32, number of tensors u64, number of keys u64
    per key:     name, type u32, value    (text: length u64, UTF-8)
                 (array: type of its values u32, length u64, values)
    per tensor:  name, number of sizes u32, sizes u64 (fastest first), type u32, offset u64
    the data, from the next multiple of `general.alignment` on

Source: github.com/ggml-org/ggml, docs/gguf.md. Versions 2 and 3.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape

NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
"""Type of a value -> its letter in `struct`."""
TEXT, ARRAY = 8, 9
VERSIONS = (2, 3)
GATED = ("llama", "qwen2", "qwen3", "gemma2", "phi3")
READ_HERE = (*GATED, "gpt2", "starcoder2")
"""Architectures whose config this package reads itself. All are sequential; of others the library
is asked, and their shape is known once they are loaded."""
POST_NORM = ("gemma2",)


class TensorInfo(NamedTuple):
    """A tensor of the file: `shape` in torch's order, `type` of ggml, `offset` in the data."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int


@dataclass(frozen=True)
class GgufHeader:
    """`data_start`: where the data begin, in bytes."""

    metadata: Mapping[str, Any]
    tensors: tuple[TensorInfo, ...]
    data_start: int

    @property
    def architecture(self) -> str:
        """The architecture as llama.cpp calls it."""
        return str(self.metadata["general.architecture"])


def read_header(path: Path) -> GgufHeader:
    """Parse the header of a file. Raises ModelError for a file that is none, OSError."""
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelError(f'model.path: "{path}" is not a GGUF file (it does not begin so)')
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Reader(data).header()
            except (struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
                raise ModelError(
                    f'model.path: "{path}" is a broken GGUF file, or of another version: '
                    f"{error or type(error).__name__}"
                ) from error


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 4

    def header(self) -> GgufHeader:
        version, n_tensors, n_keys = self._unpack("IQQ")
        if version not in VERSIONS:
            raise ValueError(f"version {version}")
        metadata: dict[str, Any] = {}
        for _ in range(n_keys):
            name = self._text()
            [kind] = self._unpack("I")
            metadata[name] = self._value(kind)
        if not isinstance(metadata.get("general.architecture"), str):
            raise ValueError("it names no architecture")
        tensors = tuple(self._tensor() for _ in range(n_tensors))
        step = metadata.get("general.alignment", 32)
        if not isinstance(step, int) or step < 1:
            raise ValueError(f"alignment {step!r}")
        return GgufHeader(metadata, tensors, -(-self._at // step) * step)

    def _unpack(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self._data, self._at)
        self._at += struct.calcsize("<" + form)
        return values

    def _text(self) -> str:
        [length] = self._unpack("Q")
        end = self._at + length
        if end > len(self._data):
            raise ValueError("it ends in the middle of a text")
        text = self._data[self._at : end].decode("utf-8")
        self._at = end
        return text

    def _value(self, kind: int) -> Any:
        if kind == TEXT:
            return self._text()
        if kind in NUMBERS:
            return self._unpack(NUMBERS[kind])[0]
        if kind != ARRAY:
            raise ValueError(f"a value of type {kind}")
        inner, length = self._unpack("IQ")
        if length > len(self._data):
            raise ValueError("an array that is longer than the file")
        if inner in NUMBERS:
            return list(self._unpack(f"{length}{NUMBERS[inner]}"))
        if inner != TEXT:
            raise ValueError(f"an array of type {inner}")
        return [self._text() for _ in range(length)]

    def _tensor(self) -> TensorInfo:
        name = self._text()
        [n_sizes] = self._unpack("I")
        if n_sizes > 8:
            raise ValueError(f"a tensor of {n_sizes} dimensions")
        sizes = self._unpack(f"{n_sizes}Q")
        kind, offset = self._unpack("IQ")
        return TensorInfo(name, tuple(reversed(sizes)), kind, offset)


def gguf_shape(header: GgufHeader) -> ModelShape | None:
    """The shape that a header says; None for an architecture that is not read here."""
    kind = header.architecture
    if kind not in READ_HERE:
        return None

    def said(name: str) -> Any:
        value = header.metadata.get(f"{kind}.{name}")
        return value if isinstance(value, int) and value > 0 else None

    names = {
        "n_layers": "block_count",
        "n_heads": "attention.head_count",
        "d_model": "embedding_length",
        "n_ctx": "context_length",
        "d_mlp": "feed_forward_length",
    }
    sizes = {ours: said(theirs) for ours, theirs in names.items()}
    missing = [f"{kind}.{names[ours]}" for ours, size in sizes.items() if size is None]
    if missing:
        raise ModelError(f"model.path: the GGUF file does not say {', '.join(missing)}")
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    d_vocab = said("vocab_size") or (len(tokens) if isinstance(tokens, list) else 0)
    if not d_vocab:
        raise ModelError("model.path: the GGUF file does not say how many tokens there are")
    n_kv = said("attention.head_count_kv")
    width = said("rope.dimension_count") if kind == "llama" else said("attention.key_length")
    return ModelShape(
        **sizes,
        d_head=width or sizes["d_model"] // sizes["n_heads"],
        d_vocab=d_vocab,
        n_key_value_heads=None if n_kv in (None, sizes["n_heads"]) else n_kv,
        gated_mlp=kind in GATED,
        separable_heads=kind not in POST_NORM,
    )

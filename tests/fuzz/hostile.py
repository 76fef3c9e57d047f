"""Files made to cost whoever reads them: small ones that stand for much, large ones that stand for
nothing, and sizes that lie. Each is written by a function, since some are large."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fuzz.sound import METADATA, gguf

MIB = 2**20
LAUGHS = "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" if n else "a0: &a0 [x, x, x]\n"
    for n in range(12)
)
"""9^11 values in a dozen lines."""


@dataclass(frozen=True)
class Hostile:
    """`reader`: the name of one of `readers.READERS`. `harmless`: it may be read, too, as it takes
    no more memory than there is in the file."""

    reader: str
    name: str
    write: Callable[[Path], object]
    harmless: bool = False


def text(said: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(said)


def repeated(
    piece: bytes, size: int, before: bytes = b"", after: bytes = b""
) -> Callable[[Path], object]:
    """A large file of equal pieces."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(before)
            for _ in range(size // MIB):
                file.write(piece * (MIB // len(piece)))
            file.write(after)

    return write


def sparse(size: int) -> Callable[[Path], object]:
    """A file that has a size and nothing in it."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return write


def header(said: object, length: int | None = None) -> Callable[[Path], object]:
    """A safetensors header; `length`: what it says of its own length."""

    def write(path: Path) -> None:
        data = json.dumps(said).encode()
        path.write_bytes(struct.pack("<Q", len(data) if length is None else length) + data)

    return write


def tensor(shape: list[int], ends: tuple[int, int]) -> dict[str, object]:
    return {"embed.W_E": {"dtype": "F32", "shape": shape, "data_offsets": list(ends)}}


def gguf_counts(tensors: int, keys: int) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        data = bytearray(gguf(METADATA))
        data[8:24] = struct.pack("<QQ", tensors, keys)
        path.write_bytes(bytes(data))

    return write


def compressed(path: Path) -> None:
    """A small Parquet file of more than 2^30 values, none of which is there."""
    nothing = pa.nulls(MIB)
    table = pa.table({f"c{number}": nothing for number in range(1100)})
    pq.write_table(table, path, write_statistics=False)


def long_texts(path: Path) -> None:
    """A dictionary of one long text, and many rows of it."""
    column = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(MIB, dtype=np.int32)), pa.array(["x" * MIB])
    )
    pq.write_table(pa.table({"path": column}), path)


EXPERIMENT = """# @package _global_
defaults: [override /model: native, override /dataset: jsonl]
experiment: my
model: {config: {n_layers: 2, n_heads: 2}}
dataset: {path: pairs.jsonl}
hypotheses: {h: {paths: {p: {expr: "a0.h0 -> logits"}}}}
"""
NESTED = "{a: " * 3000 + "1" + "}" * 3000
TARGETED = EXPERIMENT.replace("model: {", "model: {_target_: os.system, ")
PYTHON = "seed: !!python/object/apply:os.getpid []\n"


def doubled(times: int) -> str:
    """An interpolation of an interpolation of ..., each twice."""
    groups = "".join(f"  g{n}: ['${{..g{n - 1}}}${{..g{n - 1}}}']\n" for n in range(1, times))
    return EXPERIMENT + "contrasts:\n  g0: a - b\n" + groups.replace("['", "'").replace("']", "'")


COMPOSED = "composed experiment"
HOSTILE = [
    Hostile(COMPOSED, "interpolations that explode", text(doubled(40).replace("..g", ".g"))),
    Hostile(COMPOSED, "an interpolation of itself", text(EXPERIMENT + "seed: ${seed}\n")),
    Hostile(
        COMPOSED,
        "interpolations in a circle",
        text(EXPERIMENT + "contrasts: {a: '${.b}', b: '${.c}', c: '${.a}'}\n"),
    ),
    Hostile(COMPOSED, "aliases that explode", text(EXPERIMENT + LAUGHS)),
    Hostile(COMPOSED, "deep nesting", text(EXPERIMENT + f"contrasts: {NESTED}\n")),
    Hostile(COMPOSED, "code by name", text(TARGETED)),
    Hostile(COMPOSED, "an unknown resolver", text(EXPERIMENT + "description: ${eval:1}\n")),
    Hostile(COMPOSED, "a Python object", text(EXPERIMENT + PYTHON)),
    *(
        Hostile(reader, "aliases that explode", text(LAUGHS))
        for reader in ("template", "config", "published values")
    ),
    Hostile("template", "an alias inside itself", text("a: &a [*a]\n")),
    Hostile("template", "60 MB", repeated(b"- x\n", 60 * MIB)),
    Hostile("config", "60 MB", repeated(b"# x\n", 60 * MIB)),
    Hostile("template", "very many small keys", repeated(b"{a: 1}, ", MIB, b"[")),
    *(
        Hostile(reader, f"2 GiB of nothing ({reader})", sparse(2**31))
        for reader in (
            "jsonl", "autocircuit", "eap_csv", "template", "circuit as JSON", "circuit as text",
            "config of a model", "config", "safetensors", "GGUF", "manifest", "results",
            "published values", "values of path sets",
        )
    ),
    *(
        Hostile(reader, f"a million brackets ({reader})", repeated(b"[", MIB))
        for reader in ("jsonl", "autocircuit", "circuit as JSON", "config of a model", "manifest")
    ),
    *(
        Hostile(reader, f"32 MB of zeros in a list ({reader})", repeated(b"0,", 32 * MIB, b"["))
        for reader in ("jsonl", "autocircuit", "circuit as JSON", "config of a model", "manifest")
    ),
    Hostile("jsonl", "a text of 64 MB", repeated(b"x", 64 * MIB, b'{"clean": "', b'"}')),
    Hostile("jsonl", "a number of a million digits", repeated(b"9", MIB, b'{"clean": [', b"]}")),
    Hostile("eap_csv", "a field of 64 MB", repeated(b"x", 64 * MIB, b'clean,corrupted\n"')),
    Hostile("eap_csv", "a million columns", repeated(b"x,", 2 * MIB)),
    Hostile("circuit as text", "a line of 64 MB", repeated(b"x", 64 * MIB)),
    Hostile("circuit as text", "a million edges", repeated(b"a->b\n", 5 * MIB)),
    Hostile("safetensors", "a header as long as memory", header({}, 2**62)),
    Hostile("safetensors", "a header of 90 MB", header({}, 90 * MIB)),
    Hostile("safetensors", "a tensor of 2^60 numbers", header(tensor([2**60], (0, 2**62)))),
    Hostile("safetensors", "sizes that overflow", header(tensor([2**33, 2**33], (0, 16)))),
    Hostile("safetensors", "negative sizes", header(tensor([-1, 4], (0, 16)))),
    Hostile("GGUF", "2^60 tensors", gguf_counts(2**60, 8)),
    Hostile("GGUF", "2^60 keys", gguf_counts(1, 2**60)),
    *(
        Hostile(reader, f"2^30 values in a small file ({reader})", compressed)
        for reader in ("results", "golden table", "path list")
    ),
    Hostile("path list", "texts of 1 TiB in a small file", long_texts),
    Hostile("results", "texts of 1 TiB in a small file", long_texts, harmless=True),
]  # fmt: skip

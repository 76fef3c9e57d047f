"""Every reader of files that somebody else may have written, each with a sound file of its kind."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml

from circuit.graphs import SIX
from dataset.words import WordTokenizer
from fuzz.rules import damaged, misshapen
from fuzz.sound import (
    CONFIG,
    CSV,
    EDGES,
    GRAPH,
    METADATA,
    PAIR,
    PATHS,
    PROMPTS,
    PUBLISHED,
    TEMPLATE,
    TENSORS,
    gguf,
    safetensors,
)
from pathpatch_runner.circuit import read_circuit
from pathpatch_runner.cli.compose import compose
from pathpatch_runner.cli.yaml_files import YamlFiles
from pathpatch_runner.config import DatasetConfig
from pathpatch_runner.dataset import load_dataset
from pathpatch_runner.dataset.autocircuit import AutocircuitDatasetConfig
from pathpatch_runner.dataset.eap_csv import EapCsvDatasetConfig
from pathpatch_runner.dataset.jsonl import JsonlDatasetConfig
from pathpatch_runner.dataset.template import TemplateDatasetConfig
from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.export.path_list import read_paths
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.inventory.kept import kept_runs
from pathpatch_runner.inventory.surplus import surplus_runs
from pathpatch_runner.model.files import read_json
from pathpatch_runner.model.gguf_header import gguf_shape, read_header
from pathpatch_runner.model.weights import load_native_weights
from pathpatch_runner.regress.golden import read_golden
from pathpatch_runner.regress.published import read_published
from pathpatch_runner.report.run_view import read_run
from pathpatch_runner.store import RunDirectory
from pathpatch_runner.store.part import PartError, encoded
from pathpatch_runner.store.part import read_part as known_part
from store.records import MANIFEST
from store.test_part import HEAD, VALUES

Cases = Iterator[tuple[str, bytes]]
SHAPE = ModelShape(n_layers=1, n_heads=1, d_model=3, d_head=3, d_vocab=10, n_ctx=8)


@dataclass(frozen=True)
class Reader:
    """`file`: the name under which an input lies. `refused`: how many at least are."""

    name: str
    file: str
    read: Callable[[Path], object]
    sound: bytes
    cases: Callable[[], Cases]
    refused: int


def dataset(config: Callable[..., DatasetConfig]) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        tokenizer = WordTokenizer()
        tokenizer.encode(" a b c d e f g h i j")
        return load_dataset(config(path=str(path), n_pairs=1), tokenizer, None, 0)

    return read


def native(path: Path) -> None:
    """The header is looked at before the model is; no file has what this one would need."""
    bridge = SimpleNamespace(state_dict=lambda: {"blocks.0.ln1.weight": torch.zeros(3)})
    with pytest.raises(PathPatchError):
        load_native_weights(bridge, SHAPE, path, torch.float32)
    raise PathPatchError


def manifest(path: Path) -> None:
    """Of a run that is otherwise whole. Lists of runs show it whatever it is."""
    (path.parent / "summary.parquet").write_bytes(table())
    surplus_runs(kept_runs(path.parent.parent), "the present code")
    RunDirectory(path.parent).load_manifest()


def result(path: Path) -> None:
    """A table of a finished run; the list of runs shows it whatever it is."""
    (path.parent / "manifest.json").write_text(MANIFEST.to_json())
    assert len(kept_runs(path.parent.parent)) == 1
    read_run(path.parent)


def part(path: Path) -> None:
    """A damaged part counts as none: whoever reads it has this error in place of ours."""
    try:
        known_part(path)
    except PartError as error:
        raise PathPatchError from error


def config(path: Path) -> None:
    YamlFiles("test", f"file://{path.parent}").load_config(path.stem)


def values(document: Any, written: Callable[[Any], bytes]) -> Callable[[], Cases]:
    """Bytes damaged, and documents misshapen."""

    def cases() -> Cases:
        of_data = ((name, written(each)) for name, each in misshapen(document))
        return chain(damaged(written(document)), of_data)

    return cases


def as_json(document: Any) -> bytes:
    return json.dumps(document).encode()


def as_yaml(document: Any) -> bytes:
    return str(yaml.safe_dump(document)).encode()


def gguf_cases() -> Cases:
    """Keys are of any type; a header without one, or of what is no mapping, cannot be written."""
    of_keys = (
        (name, gguf(each))
        for name, each in misshapen(METADATA)
        if isinstance(each, dict) and not any(isinstance(value, dict) for value in each.values())
    )
    return chain(damaged(gguf(METADATA)), of_keys)


def table() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"path": ["a", "b"], "effect_mean": [1.0, 2.0]}), file)
    return file.getvalue()


READERS = [
    Reader("jsonl", "f.jsonl", dataset(JsonlDatasetConfig), as_json(PAIR),
           values(PAIR, as_json), 230),
    Reader("autocircuit", "f.json", dataset(AutocircuitDatasetConfig), as_json(PROMPTS),
           values(PROMPTS, as_json), 190),
    Reader("eap_csv", "f.csv", dataset(EapCsvDatasetConfig), CSV, lambda: damaged(CSV), 50),
    Reader("template", "f.yaml", dataset(TemplateDatasetConfig), as_yaml(TEMPLATE),
           values(TEMPLATE, as_yaml), 280),
    Reader("circuit as JSON", "f.json", lambda path: read_circuit(path, SIX, "here"),
           as_json(GRAPH), values(GRAPH, as_json), 420),
    Reader("circuit as text", "f.txt", lambda path: read_circuit(path, SIX, "here"), EDGES,
           lambda: damaged(EDGES), 65),
    Reader("config of a model", "config.json", lambda path: read_json(path, "model.path"),
           as_json({"a": [1]}), values({"a": [1]}, as_json), 65),
    Reader("config", "my.yaml", config, CONFIG, lambda: damaged(CONFIG), 55),
    Reader("safetensors", "f.safetensors", native, b"", values(TENSORS, safetensors), 200),
    Reader("GGUF", "f.gguf", lambda path: gguf_shape(read_header(path)), gguf(METADATA),
           gguf_cases, 140),
    Reader("manifest", "manifest.json", manifest, MANIFEST.to_json().encode(),
           values(MANIFEST.to_dict(), as_json), 430),
    Reader("published values", "published.yaml", lambda path: read_published(path.parent),
           as_yaml(PUBLISHED), values(PUBLISHED, as_yaml), 60),
    Reader("values of path sets", "f.part", part, encoded(HEAD, VALUES),
           lambda: damaged(encoded(HEAD, VALUES)), 65),
    Reader("results", "summary.parquet", result, table(), lambda: damaged(table()), 65),
    Reader("golden table", "golden.parquet", lambda path: read_golden(path.parent), table(),
           lambda: damaged(table()), 65),
    Reader("path list", "f.parquet", read_paths, table(), lambda: damaged(table()), 65),
    Reader("path list as JSON", "f.json", read_paths, as_json(PATHS), values(PATHS, as_json), 100),
]  # fmt: skip
COMPOSED = Reader(
    "composed experiment",
    "experiment/my.yaml",
    lambda path: compose("my", config_dir=path.parents[1]),
    CONFIG,
    lambda: iter(()),
    0,
)
"""An experiment of a user's own, put together with ours as the command line does: too slow for
thousands of cases."""

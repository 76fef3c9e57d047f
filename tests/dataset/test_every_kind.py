"""What holds for one kind of file holds for all: counts, encodings, what is no file, equal ids."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dataset.words import WordTokenizer
from pathpatch_runner.config import DatasetConfig
from pathpatch_runner.dataset import PairSet, load_dataset
from pathpatch_runner.dataset.autocircuit import AutocircuitDatasetConfig
from pathpatch_runner.dataset.eap_csv import EapCsvDatasetConfig, Labels
from pathpatch_runner.dataset.in_memory import InMemoryDatasetConfig
from pathpatch_runner.dataset.jsonl import JsonlDatasetConfig
from pathpatch_runner.dataset.repeated_random import RepeatedRandomDatasetConfig
from pathpatch_runner.dataset.template import TemplateDatasetConfig
from pathpatch_runner.dataset.text import TextDatasetConfig
from pathpatch_runner.errors import DatasetError, PathPatchError
from pathpatch_runner.graph import ModelShape

SHAPE = ModelShape(n_layers=1, n_heads=1, d_model=4, d_head=4, d_vocab=10_000, n_ctx=64)
Prompts = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Kind:
    """A kind of file: how pairs of texts with answer " x" are written in it, and its config."""

    text: Callable[[Prompts], str]
    config: Callable[..., DatasetConfig]
    wheres: tuple[str, str]
    """What messages call its first two records."""


def jsonl(pairs: Prompts) -> str:
    lines = [{"clean": a, "corrupt": b, "answer": " x"} for a, b in pairs]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def autocircuit(pairs: Prompts) -> str:
    prompts = [{"clean": a, "corrupt": b, "answers": [" x"]} for a, b in pairs]
    return json.dumps({"prompts": prompts}, ensure_ascii=False)


def eap_csv(pairs: Prompts) -> str:
    return "clean,corrupted,correct_idx\n" + "".join(f"{a},{b}, x\n" for a, b in pairs)


def eap_config(path: str, **fields: object) -> EapCsvDatasetConfig:
    config = EapCsvDatasetConfig(path=path, labels=Labels.texts)
    for name, value in fields.items():
        setattr(config, name, value)
    return config


FILES = {
    "jsonl": Kind(jsonl, JsonlDatasetConfig, ("f:1", "f:2")),
    "autocircuit": Kind(autocircuit, AutocircuitDatasetConfig, ("f, prompt 0", "f, prompt 1")),
    "eap_csv": Kind(eap_csv, eap_config, ("f:2", "f:3")),
}
GOOD = [("a b", "a c"), ("é b", "é c"), ("d b", "d c")]


@pytest.fixture(params=FILES)
def kind(request: pytest.FixtureRequest) -> Kind:
    return FILES[request.param]


def load(config: DatasetConfig) -> PairSet:
    return load_dataset(config, WordTokenizer(), SHAPE, 0)


def write(folder: Path, kind: Kind, pairs: Prompts = GOOD) -> str:
    (folder / "f").write_text(kind.text(pairs), encoding="utf-8")
    return str(folder / "f")


def refused(config: DatasetConfig) -> str:
    with pytest.raises(PathPatchError) as caught:
        load(config)
    return str(caught.value)


def test_the_first_pairs_are_taken(tmp_path: Path, kind: Kind) -> None:
    path = write(tmp_path, kind)
    every = load(kind.config(path=path)).pairs
    assert [pair.pair_id for pair in every] == ["0", "1", "2"]
    assert load(kind.config(path=path, n_pairs=2)).pairs == every[:2]


@pytest.mark.parametrize("n_pairs", [0, -1, -3])
def test_a_number_of_pairs_is_above_0(tmp_path: Path, kind: Kind, n_pairs: int) -> None:
    config = kind.config(path=write(tmp_path, kind), n_pairs=n_pairs)
    assert refused(config) == f"dataset.n_pairs: {n_pairs} is not a number of pairs above 0"


@pytest.mark.parametrize("n_pairs", [4, 10**9])
def test_more_pairs_than_there_are(tmp_path: Path, kind: Kind, n_pairs: int) -> None:
    path = write(tmp_path, kind)
    assert refused(kind.config(path=path, n_pairs=n_pairs)) == (
        f'dataset.n_pairs: {n_pairs} asked for, and "{path}" has 3. Leave n_pairs out to take all'
    )


def test_a_file_without_pairs(tmp_path: Path, kind: Kind) -> None:
    path = write(tmp_path, kind, [])
    assert refused(kind.config(path=path)) == f'dataset.path: "{path}" holds no pairs'


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path, kind: Kind) -> None:
    config = kind.config(path=write(tmp_path, kind))
    plain = load(config)
    text = kind.text(GOOD).replace("\n", "\r\n")
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load(config).digest == plain.digest


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("utf-16", "is UTF-16 text: it begins with the bytes ff fe"),
        ("utf-16-le", "is not a text file: byte 1 (line 1) is NUL"),
        ("latin-1", "is not UTF-8 text: byte "),
    ],
)
def test_other_encodings(tmp_path: Path, kind: Kind, encoding: str, message: str) -> None:
    (tmp_path / "f").write_bytes(kind.text(GOOD).encode(encoding))
    said = refused(kind.config(path=str(tmp_path / "f")))
    assert said.startswith(f'dataset.path: "{tmp_path / "f"}" {message}')
    assert "Save it as UTF-8, for instance: iconv -f" in said


def test_what_is_no_file(tmp_path: Path, kind: Kind) -> None:
    assert "no file" in refused(kind.config(path=str(tmp_path / "none")))
    assert "is a directory" in refused(kind.config(path=str(tmp_path)))
    os.mkfifo(tmp_path / "pipe")
    assert "is not a regular file" in refused(kind.config(path=str(tmp_path / "pipe")))


def test_every_problem_of_a_file_has_its_place(tmp_path: Path, kind: Kind) -> None:
    path = write(tmp_path, kind, [("a b", "a b"), ("a b", "a"), ("a b", "a c")])
    first, second = kind.wheres
    assert refused(kind.config(path=path)) == (
        f"2 problems:\n1. {first}: clean and corrupt are identical, so nothing can be patched: "
        f"a| b\n2. {second}: clean and corrupt must have the same number of tokens\n"
        "  clean    2 tokens: a| b\n  corrupt  1 tokens: a"
    )


def test_pairs_that_cannot_be_used_are_left_out_where_that_is_said(
    tmp_path: Path, kind: Kind
) -> None:
    path = write(tmp_path, kind, [("a b", "a b"), ("a b", "a"), ("a b", "a c")])
    pairs = load(kind.config(path=path, skip_unusable=True))
    # The pair keeps its number in the file.
    assert [pair.pair_id for pair in pairs.pairs] == ["2"]
    assert [where for where, _ in pairs.left_out] == list(kind.wheres)
    assert pairs.left_out[0][1].startswith("clean and corrupt are identical")
    # Those among the first that are asked for, not as many that can be used.
    config = kind.config(path=path, skip_unusable=True, n_pairs=2)
    assert refused(config).startswith(
        f"dataset.skip_unusable: all pairs were left out\n  {kind.wheres[0]}: clean and corrupt are"
    )


def test_what_is_no_pair_is_refused_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "f").write_text('{"clean": "a b", "corrupt": "a c"}\n{"clean": "a", "corupt": "b"}')
    config = JsonlDatasetConfig(path=str(tmp_path / "f"), skip_unusable=True)
    assert 'f:2: unknown key "corupt". Did you mean "corrupt"?' in refused(config)


def made(folder: Path) -> dict[str, DatasetConfig]:
    """A config of each kind that makes its pairs."""
    (folder / "t.txt").write_text("a b c a b d e f g h i j k a b c " * 4)
    (folder / "t.yaml").write_text(
        'templates: ["we saw{A}"]\nwords: {w: [" x", " y", " z"]}\nslots: {A: w}\n'
        "corruptions: {c: {A: new}}\n"
    )
    return {
        "repeated_random": RepeatedRandomDatasetConfig(segment_length=3),
        "text": TextDatasetConfig(path=str(folder / "t.txt"), window=8),
        "template": TemplateDatasetConfig(path=str(folder / "t.yaml")),
    }


@pytest.mark.parametrize("name", ["repeated_random", "text", "template"])
def test_counts_of_pairs_that_are_made(tmp_path: Path, name: str) -> None:
    config = made(tmp_path)[name]
    config.n_pairs = 3
    three = load(config).pairs
    assert len(three) == 3
    for wrong in (0, -1, None):
        config.n_pairs = wrong
        assert refused(config) == f"dataset.n_pairs: {wrong} is not a number of pairs above 0"
    config.n_pairs = 10**9
    assert refused(config) == (
        "dataset.n_pairs: 1,000,000,000 asked for, and 100,000 can be made at most"
    )
    config.n_pairs = 4
    assert load(config).pairs[:3] == three


def test_a_named_position_is_in_every_pair_or_in_none() -> None:
    pairs = [
        {"clean": [1, 2], "corrupt": [1, 3], "positions": {"S": 0}},
        {"clean": [1, 4], "corrupt": [1, 3]},
        {"clean": [1, 4], "corrupt": [1, 3], "positions": {"S": 0, "T": 1}},
    ]
    assert refused(InMemoryDatasetConfig(pairs=pairs)) == (
        '3 problems:\n1. pairs[0]: has no position "T", which pairs[2] has. Name it in every pair, '
        'or in none\n2. pairs[1]: has no position "S", which pairs[0] has. Name it in every pair, '
        'or in none\n3. pairs[1]: has no position "T", which pairs[2] has. Name it in every pair, '
        "or in none"
    )


def test_an_unknown_kind() -> None:
    with pytest.raises(PathPatchError, match=r'"jsnl"\. Did you mean "jsonl"\?'):
        load(DatasetConfig(kind="jsnl"))


def test_nothing_is_written(tmp_path: Path, kind: Kind) -> None:
    path = write(tmp_path, kind)
    load(kind.config(path=path))
    with pytest.raises(DatasetError):
        load(kind.config(path=path, n_pairs=9))
    assert [file.name for file in tmp_path.iterdir()] == ["f"]

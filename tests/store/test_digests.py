"""What is known of a run before a record is read: its key, the one that reading gives."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from pathpatch_runner.config import DatasetConfig, ExperimentConfig
from pathpatch_runner.dataset.autocircuit import AutocircuitDatasetConfig
from pathpatch_runner.dataset.eap_csv import EapCsvDatasetConfig, Labels
from pathpatch_runner.dataset.in_memory import InMemoryDatasetConfig
from pathpatch_runner.dataset.jsonl import JsonlDatasetConfig
from pathpatch_runner.dataset.repeated_random import RepeatedRandomDatasetConfig
from pathpatch_runner.dataset.template import TemplateDatasetConfig
from pathpatch_runner.dataset.text import TextDatasetConfig
from pathpatch_runner.inputs import read_files, run_key_of
from pathpatch_runner.model.hub import HubModelConfig
from pathpatch_runner.model.local import LocalModelConfig
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.model.source import source_of
from pathpatch_runner.registry import DATASETS
from pathpatch_runner.store.digests import known_run_key
from runs.small import SHAPE, experiment

LETTERS = "abcdefghij"
TINY = {"n_layer": 2, "n_head": 2, "n_embd": 16, "vocab_size": 11, "n_positions": 32}
TEMPLATE = """templates: ["e{x}{y}"]
words: {letter: [" a", " b", " c", " d"]}
slots: {x: letter, y: letter}
answer: "{x}"
corruptions: {other: {x: new}}
"""
WRONG = {"wrong_answers": [" e"]}
FILES = {
    "pairs.jsonl": '{"clean": [1, 2, 3], "corrupt": [1, 2, 4], "answer": 5, "distractor": 6}\n',
    "prompts.json": json.dumps(
        {
            "prompts": [
                {"clean": "a b", "corrupt": "a c", "answers": [" d"], "wrong_answers": [" e"]}
            ]
        }
    ),
    "pairs.csv": "clean,corrupted,correct_idx,incorrect_idx\na b,a c,3,4\n",
    "text.txt": " ".join(LETTERS * 20),
    "template.yaml": TEMPLATE,
}


def write_tokenizer(file: Path, letters: str = LETTERS) -> Path:
    made = Tokenizer(WordLevel({letter: i for i, letter in enumerate(f"{letters}?")}, "?"))
    made.pre_tokenizer = WhitespaceSplit()
    made.save(str(file))
    return file


def of_kind(kind: str, folder: Path) -> DatasetConfig:
    """A dataset of every kind that files, config and seed tell."""
    for name, text in FILES.items():
        if not (folder / name).exists():
            (folder / name).write_text(text)
    made: dict[str, Callable[[], DatasetConfig]] = {
        "jsonl": lambda: JsonlDatasetConfig(path=str(folder / "pairs.jsonl")),
        "autocircuit": lambda: AutocircuitDatasetConfig(path=str(folder / "prompts.json")),
        "eap_csv": lambda: EapCsvDatasetConfig(path=str(folder / "pairs.csv"), labels=Labels.ids),
        "text": lambda: TextDatasetConfig(path=str(folder / "text.txt"), window=12, n_pairs=2),
        "template": lambda: TemplateDatasetConfig(path=str(folder / "template.yaml"), n_pairs=2),
        "repeated_random": lambda: RepeatedRandomDatasetConfig(n_pairs=2, segment_length=3),
    }
    return made[kind]()


def both(config: ExperimentConfig) -> tuple[str | None, str | None]:
    """(key before reading, key with everything read), each by a source of its own."""
    known = known_run_key(config, source_of(config.model, config.seed))
    files = read_files(config, source_of(config.model, config.seed))
    assert files.problems == ()
    return known, run_key_of(config, files)


def with_tokenizer(folder: Path, letters: str = LETTERS) -> NativeModelConfig:
    file = write_tokenizer(folder / "tokenizer.json", letters)
    return NativeModelConfig(config={**SHAPE, "n_ctx": 32}, tokenizer=str(file))


TOLD = [name for name in DATASETS.built_in if name != "in_memory"]


@pytest.mark.parametrize("kind", TOLD)
def test_the_key_is_known_before_a_record_is_read(tmp_path: Path, kind: str) -> None:
    config = experiment(tmp_path, model=with_tokenizer(tmp_path), dataset=of_kind(kind, tmp_path))
    known, read = both(config)
    assert known is not None
    assert known == read
    other = experiment(tmp_path, model=config.model, dataset=config.dataset, seed=1)
    assert both(other)[0] == both(other)[1] != known


@pytest.mark.parametrize("kind", [kind for kind in TOLD if kind != "repeated_random"])
def test_other_contents_of_a_file_are_another_key(tmp_path: Path, kind: str) -> None:
    model = with_tokenizer(tmp_path)
    config = experiment(tmp_path, model=model, dataset=of_kind(kind, tmp_path))
    before = both(config)[0]
    file = Path(config.dataset.path)  # type: ignore[attr-defined]  # of these kinds
    file.write_text(file.read_text().replace("a b", "b a").replace("3", "2").replace(' d"', ' f"'))
    assert known_run_key(config, source_of(model, config.seed)) != before


def test_another_tokenizer_is_another_key(tmp_path: Path) -> None:
    dataset = of_kind("text", tmp_path)
    before = both(experiment(tmp_path, model=with_tokenizer(tmp_path), dataset=dataset))[0]
    model = with_tokenizer(tmp_path, "bacdefghij")
    assert both(experiment(tmp_path, model=model, dataset=dataset))[0] != before


def test_another_version_of_the_tokenizing_library_is_another_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = with_tokenizer(tmp_path)
    text = experiment(tmp_path, model=model, dataset=of_kind("text", tmp_path))
    ids = experiment(tmp_path, dataset=of_kind("jsonl", tmp_path))
    before = both(text)[0], both(ids)[0]
    monkeypatch.setattr("pathpatch_runner.store.digests.metadata.version", lambda _: "9.9")
    assert both(text)[0] != before[0]
    assert both(ids)[0] == before[1], "a model without a tokenizer reads no text"


def test_pairs_in_memory_are_known_by_what_they_hold(tmp_path: Path) -> None:
    pairs = [{"clean": [1, 2, 3], "corrupt": [1, 2, 4], "answer": 5, "distractor": 6}]
    config = experiment(tmp_path, dataset=InMemoryDatasetConfig(pairs=pairs))
    known, read = both(config)
    assert known is None
    assert read is not None


def test_what_cannot_be_read_has_no_key(tmp_path: Path) -> None:
    config = experiment(tmp_path, dataset=JsonlDatasetConfig(path=str(tmp_path / "none.jsonl")))
    assert known_run_key(config, source_of(config.model, 0)) is None
    weights = NativeModelConfig(config=dict(SHAPE), weights=str(tmp_path / "none.safetensors"))
    assert known_run_key(experiment(tmp_path, model=weights), source_of(weights, 0)) is None


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with a tokenizer, as Hugging Face saves it."""
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("saved") / "tiny"
    AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", **TINY)).save_pretrained(folder)
    write_tokenizer(folder / "tokenizer.json")
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "?"}'
    )
    return folder


def in_a_cache(saved: Path, cache: Path) -> Path:
    """The same model as the hub's library keeps what it downloaded."""
    folder = cache / "models--me--tiny"
    shutil.copytree(saved, folder / "snapshots" / ("0" * 40))
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    return folder


@pytest.mark.parametrize("kind", ["local", "hub", "random"])
def test_every_kind_of_model_gives_the_key_without_what_computes(
    tmp_path: Path, saved: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    in_a_cache(saved, tmp_path / "cache")
    model = {
        "local": LocalModelConfig(path=str(saved)),
        "hub": HubModelConfig(name="me/tiny"),
        "random": RandomModelConfig(architecture="gpt2", config=dict(TINY)),
    }[kind]
    data = "repeated_random" if kind == "random" else "text"
    config = experiment(tmp_path, model=model, dataset=of_kind(data, tmp_path))
    known, read = both(config)
    assert known is not None
    assert known == read
    code = (
        "import pickle, sys\n"
        "from huggingface_hub import constants\n"
        f"constants.HF_HUB_CACHE = {str(tmp_path / 'cache')!r}\n"
        "from pathpatch_runner.model.source import source_of\n"
        "from pathpatch_runner.store.digests import known_run_key\n"
        "config = pickle.load(sys.stdin.buffer)\n"
        "print(known_run_key(config, source_of(config.model, config.seed)))\n"
        "heavy = ('torch', 'transformers', 'transformer_lens', 'pandas', 'tokenizers')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(config), capture_output=True, check=True
    )
    assert done.stdout.decode().split("\n")[:2] == [known, "[]"]


def test_a_model_that_is_downloaded_is_another_one_than_before(
    tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source that loads it must not remember the digest it had before."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    source = source_of(HubModelConfig(name="me/tiny"), 0)
    before = source.digest
    in_a_cache(saved, tmp_path / "cache")
    assert source.digest != before

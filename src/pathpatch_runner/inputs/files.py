"""What an experiment's files hold, read once: data, tokenizer, digests of everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pathpatch_runner.config import ExperimentConfig, named_files, to_plain
from pathpatch_runner.dataset import PairSet, load_dataset
from pathpatch_runner.errors import ConfigError, PathPatchError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.inputs.attempt import attempt
from pathpatch_runner.model.digest import file_digest
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.model.tokenizer import Tokenizer
from pathpatch_runner.registry import DATASETS, METRICS, MODELS, SOURCES
from pathpatch_runner.store import code_digest, module_digest, run_key
from pathpatch_runner.store.identity import NOT_IN_KEY

if TYPE_CHECKING:
    from pathpatch_runner.model.load import LoadedModel


@dataclass(frozen=True)
class Files:
    """What an experiment's files hold. None: not readable (`problems` says why), or not there.

    `shape` None without a problem: only loading the model can tell, and nothing else is read yet.
    `source`: the model that the config names, whose files are read once.
    """

    source: ModelSource
    shape: ModelShape | None = None
    tokenizer: Tokenizer | None = None
    pairs: PairSet | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[PathPatchError, ...] = ()


def read_files(
    config: ExperimentConfig, source: ModelSource, model: LoadedModel | None = None
) -> Files:
    """Read the files; `model`: the source's, once it is loaded. Never imports torch where the data
    are ids or the tokenizer is a file."""
    problems: list[PathPatchError] = []
    shape = model.shape if model else attempt(problems, lambda: source.shape)
    if shape is None:
        return Files(source, problems=tuple(problems))
    digest = attempt(problems, lambda: source.digest)
    tokenizer = attempt(problems, lambda: source.tokenizer)
    pairs = None
    # Without its tokenizer every text of the data would be a problem of its own.
    if tokenizer is not None or not problems:
        pairs = attempt(
            problems, lambda: load_dataset(config.dataset, tokenizer, shape, config.seed)
        )
    digests = {"model": digest or "", "dataset": pairs.digest if pairs else ""}
    for key, file in _other_files(config):
        digests[key] = attempt(problems, partial(_digest_of, key, file)) or ""
    digests |= code_digests(config)
    return Files(source, shape, tokenizer, pairs, digests, tuple(problems))


def _other_files(config: ExperimentConfig) -> list[tuple[str, str]]:
    """Files that the config names outside model and dataset, whose kinds give digests."""
    return [
        (key, file)
        for key, file in named_files(config)
        if key.split(".")[0] not in ("model", "dataset", "runtime")
    ]


def _digest_of(key: str, file: str) -> str:
    if not Path(file).is_file():
        raise ConfigError(f'{key}: no file "{file}"')
    return file_digest(Path(file))[:16]


def code_digests(config: ExperimentConfig) -> dict[str, str]:
    """Digests of the code that computes: ours, and every plug-in's that the config names a kind
    of, by its distribution and version."""
    named = [
        (MODELS, config.model.kind),
        (DATASETS, config.dataset.kind),
        (SOURCES, config.patch.source),
        *((METRICS, name) for name in config.metrics),
    ]
    digests = {"code": code_digest()}
    for registry, name in named:
        origin, sources = registry.origin(name), registry.sources(name)
        if origin is not None and sources is not None:
            digests[f"plug-in {origin}"] = module_digest(sources)
    return digests


def run_key_of(config: ExperimentConfig, files: Files) -> str | None:
    """The run's key; None where something could not be read."""
    if files.shape is None or files.problems:
        return None
    return run_key(identity_of(config), files.digests)


def identity_of(config: ExperimentConfig) -> dict[str, Any]:
    """The config as plain data, without what cannot change results and without where files lie."""
    plain: dict[str, Any] = to_plain(config, files=False)
    return {name: value for name, value in plain.items() if name not in NOT_IN_KEY}

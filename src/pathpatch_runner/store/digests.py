"""Digests of everything that an experiment names: what, with its config, makes the run key.

    model      weights, config, tokenizer
    dataset    the files of the dataset where they tell all of it (`told_by_files`), so that a run
               that is there is found without a tokenizer, a shape or a record; else the pairs
    <key>      every other file that the config names (a circuit)
    code, plug-in ...   the code that computes

Nothing here imports torch or a library of tokenizers.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from pathpatch_runner.config import ExperimentConfig, named_files
from pathpatch_runner.dataset.kind import DatasetKind
from pathpatch_runner.dataset.pair import PairSet
from pathpatch_runner.errors import ConfigError, PathPatchError
from pathpatch_runner.model.digest import digest_of, file_digest
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.registry import DATASETS, METRICS, MODELS, SOURCES
from pathpatch_runner.store.code import code_digest, module_digest
from pathpatch_runner.store.identity import identity_of, run_key

TOKENIZING = ("tokenizers", "transformers")
"""Distributions by which one text can become other tokens."""
SHORT = 16


def digests_before_reading(config: ExperimentConfig, source: ModelSource) -> dict[str, str] | None:
    """All digests, where neither the records nor the loaded model are needed for them; None where
    they are, or where something cannot be read: reading it says why."""
    try:
        dataset = dataset_digest(config, source, None)
        if dataset is None:
            return None
        model = source.digest
        others = {key: other_digest(key, file) for key, file in other_files(config)}
    except PathPatchError:
        return None
    return {"model": model, "dataset": dataset, **others, **code_digests(config)}


def known_run_key(config: ExperimentConfig, source: ModelSource) -> str | None:
    """The run's key where it is known before anything is read (`digests_before_reading`)."""
    digests = digests_before_reading(config, source)
    return None if digests is None else run_key(identity_of(config), digests)


def dataset_digest(
    config: ExperimentConfig, source: ModelSource, pairs: PairSet | None
) -> str | None:
    """Of the dataset's files where they tell all of it, else of the pairs; None without either.

    Where the records may be text, which tokens they become is told by the model's tokenizer, which
    its digest knows, and by the versions of the libraries that read it.
    """
    kind: type[DatasetKind] = DATASETS.get(config.dataset.kind, "dataset.kind")
    if not (kind.told_by_files and source.tokenizer_in_digest):
        return None if pairs is None else pairs.digest
    parts = [f"{key} {other_digest(key, file)}" for key, file in _files_of_dataset(config)]
    if source.has_tokenizer:
        parts += [f"{name} {metadata.version(name)}" for name in TOKENIZING]
    return digest_of(parts)


def _files_of_dataset(config: ExperimentConfig) -> list[tuple[str, str]]:
    return list(named_files(config.dataset, "dataset"))


def other_files(config: ExperimentConfig) -> list[tuple[str, str]]:
    """(key, file) of what the config names outside model and dataset, whose kinds give digests."""
    return [
        (key, file)
        for key, file in named_files(config)
        if key.split(".")[0] not in ("model", "dataset", "runtime")
    ]


def other_digest(key: str, file: str) -> str:
    """Of a file's contents. Raises ConfigError for one that is not there."""
    if not Path(file).is_file():
        raise ConfigError(f'{key}: no file "{file}"')
    return file_digest(Path(file), key)[:SHORT]


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

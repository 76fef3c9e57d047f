"""What an experiment's files hold, read once: data, tokenizer, digests of everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.dataset import PairSet, load_dataset
from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.inputs.attempt import attempt
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.model.tokenizer import Tokenizer
from pathpatch_runner.store import identity_of, run_key
from pathpatch_runner.store.digests import code_digests, dataset_digest, other_digest, other_files

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
    model_digest = attempt(problems, lambda: source.digest)
    tokenizer = attempt(problems, lambda: source.tokenizer)
    pairs = None
    # Without its tokenizer every text of the data would be a problem of its own.
    if tokenizer is not None or not problems:
        pairs = attempt(
            problems, lambda: load_dataset(config.dataset, tokenizer, shape, config.seed)
        )
    digests = {"model": model_digest or "", "dataset": ""}
    if pairs is not None:
        found = attempt(problems, lambda: dataset_digest(config, source, pairs) or "")
        digests["dataset"] = found or ""
    for key, file in other_files(config):
        digests[key] = attempt(problems, partial(other_digest, key, file)) or ""
    digests |= code_digests(config)
    return Files(source, shape, tokenizer, pairs, digests, tuple(problems))


def run_key_of(config: ExperimentConfig, files: Files) -> str | None:
    """The run's key; None where something could not be read."""
    if files.shape is None or files.problems:
        return None
    return run_key(identity_of(config), files.digests)

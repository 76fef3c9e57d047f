"""One entry for each kind of dataset."""

from __future__ import annotations

from pathlib import Path

from pathpatch_runner.config import (
    AutocircuitDatasetConfig,
    DatasetConfig,
    EapCsvDatasetConfig,
    JsonlDatasetConfig,
    RepeatedRandomDatasetConfig,
    TemplateDatasetConfig,
    TextDatasetConfig,
)
from pathpatch_runner.dataset.autocircuit import load_autocircuit
from pathpatch_runner.dataset.eap_csv import load_eap_csv
from pathpatch_runner.dataset.jsonl import load_jsonl
from pathpatch_runner.dataset.pair import PairSet
from pathpatch_runner.dataset.repeated_random import load_repeated_random
from pathpatch_runner.dataset.template import load_template
from pathpatch_runner.dataset.text import load_text
from pathpatch_runner.errors import DatasetError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.digest import file_digest
from pathpatch_runner.model.tokenizer import Tokenizer


def load_dataset(
    config: DatasetConfig, tokenizer: Tokenizer | None, shape: ModelShape | None, seed: int
) -> PairSet:
    """The pairs a config asks for. `shape` None: not checked against the model yet.

    Raises DatasetError with everything that is wrong.
    """
    pairs = _load(config, tokenizer, shape, seed)
    if shape is not None:
        _check_answers(pairs, shape.n_logits)
    return pairs


def _check_answers(pairs: PairSet, n_logits: int) -> None:
    """Refuse answers that the model has no logit for: those of text, read by a classifier."""
    for pair in pairs.pairs:
        for point in pair.points:
            outside = [t for t in (*point.answers, *point.distractors) if t >= n_logits]
            if outside:
                raise DatasetError(
                    f'dataset {pairs.name}, pair "{pair.pair_id}": answer {outside[0]} at position '
                    f"{point.position} is not among the model's {n_logits} logits. Name classes "
                    "in the data (jsonl: targets)"
                )


def _load(
    config: DatasetConfig, tokenizer: Tokenizer | None, shape: ModelShape | None, seed: int
) -> PairSet:
    if isinstance(config, JsonlDatasetConfig):
        return load_jsonl(config, tokenizer, shape)
    if isinstance(config, AutocircuitDatasetConfig):
        return load_autocircuit(config, tokenizer, shape)
    if isinstance(config, EapCsvDatasetConfig):
        return load_eap_csv(config, tokenizer, shape)
    if isinstance(config, RepeatedRandomDatasetConfig):
        return load_repeated_random(config, tokenizer, shape, seed)
    if isinstance(config, TextDatasetConfig):
        return load_text(config, tokenizer, shape, seed)
    assert isinstance(config, TemplateDatasetConfig)
    return load_template(config, tokenizer, shape, seed)


def dataset_digest(config: DatasetConfig) -> str:
    """Digest of the file a dataset is made from, "" where there is none."""
    path = getattr(config, "path", None)
    if path is None:
        return ""
    if not Path(path).is_file():
        raise DatasetError(f'dataset.path: no file "{path}"')
    return file_digest(Path(path))[:16]

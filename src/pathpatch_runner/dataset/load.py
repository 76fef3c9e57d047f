"""From a config to pairs."""

from __future__ import annotations

from pathpatch_runner.config import DatasetConfig
from pathpatch_runner.dataset.align import align
from pathpatch_runner.dataset.kind import Context
from pathpatch_runner.dataset.pair import PairSet
from pathpatch_runner.errors import DatasetError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.tokenizer import Tokenizer
from pathpatch_runner.reading import within_memory
from pathpatch_runner.registry import DATASETS


def load_dataset(
    config: DatasetConfig, tokenizer: Tokenizer | None, shape: ModelShape | None, seed: int
) -> PairSet:
    """The pairs a config asks for. `shape` None: not checked against the model yet.

    Raises DatasetError with everything that is wrong.
    """
    kind = DATASETS.get(config.kind, "dataset.kind")
    with within_memory("dataset", DatasetError):
        return align(kind(config, seed), Context(tokenizer, shape))

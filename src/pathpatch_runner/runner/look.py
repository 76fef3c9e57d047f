"""`look(config)`: what an experiment's data are, as the program understands them, before any run.

Needs no weights where the model's shape is known from its config, and no hypotheses.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.errors import ConfigError, did_you_mean, raise_together
from pathpatch_runner.inputs import read_files
from pathpatch_runner.inputs.parts import SHARD, part_of, shard_of
from pathpatch_runner.model.source import source_of
from pathpatch_runner.model.tokenizer import Tokenizer

SHOWN = ("data",)
"""What `runtime.show` may say."""


@dataclass(frozen=True)
class Look:
    """The pairs, and the tokenizer that says what their ids are (None: the data carry ids)."""

    pairs: PairSet
    tokenizer: Tokenizer | None


def look(config: ExperimentConfig) -> Look:
    """Read the data. Raises `PathPatchError` for everything wrong with them."""
    said = config.runtime.show
    if said is not None and said not in SHOWN:
        raise ConfigError(
            f'runtime.show: "{said}" cannot be shown.{did_you_mean(said, SHOWN)} '
            f"Allowed: {', '.join(SHOWN)}"
        )
    source = source_of(config.model, config.seed)
    files = read_files(config, source)
    if files.shape is None and not files.problems:
        from pathpatch_runner.model.load import load_model

        model = load_model(source, config.runtime.device)
        files = read_files(config, source, model)
    raise_together(files.problems)
    assert files.pairs is not None
    return Look(shard_of(files.pairs, part_of(config.shard, SHARD)), files.tokenizer)

"""`run(config)`: find the finished run of a config, or make it.

What can be answered from the run directory is answered before anything that computes is
imported: no torch, no TransformerLens, no pandas where the data are ids or the tokenizer is a
file. `pipeline.make_run` does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.inputs import Files, read_files, run_key_of
from pathpatch_runner.model.source import ModelSource, source_of
from pathpatch_runner.runner.watch import Unwatched, Watch
from pathpatch_runner.store import RunDirectory


@dataclass(frozen=True)
class RunOutcome:
    """Where the run lies and its summary; `reused`: it was there already. `directory` and
    `summary` are None for a dry run, which has the text of its `plan`."""

    directory: Path | None
    summary: pa.Table | None = None
    reused: bool = False
    plan: str = ""


def run(
    config: ExperimentConfig,
    *,
    command: tuple[str, ...] | None = None,
    hydra_files: Mapping[str, str] | None = None,
    watch: Watch | None = None,
    source: ModelSource | None = None,
) -> RunOutcome:
    """Run an experiment, or find that it has been run: the same config gives the same directory.
    Prints nothing: `watch` is told what happens.

    `hydra_files`: name -> text of what goes to `.hydra/`. `source`: the model, where it is not one
    that the config can name (a bridge in memory). Raises `PathPatchError` for everything
    that a user can mend.
    """
    watch = watch or Unwatched()
    watch.stage("reading data")
    source = source or source_of(config.model, config.seed)
    files = read_files(config, source)
    found = None if config.runtime.dry_run else finished(config, files)
    if found is not None:
        return RunOutcome(found.path, found.read_table("summary.parquet"), reused=True)
    from pathpatch_runner.runner.pipeline import make_run

    with source.in_use():
        return make_run(config, files, command=command, hydra_files=hydra_files, watch=watch)


def finished(config: ExperimentConfig, files: Files) -> RunDirectory | None:
    """The directory of the finished run of these files; None where it must be made."""
    key = run_key_of(config, files)
    if key is None or config.runtime.force:
        return None
    directory = RunDirectory.at(config.runtime.output_root, config.experiment, key)
    return directory if directory.is_complete else None

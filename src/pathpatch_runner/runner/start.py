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
from pathpatch_runner.effects import missing_overrides, with_overrides
from pathpatch_runner.inputs import Files, read_files, read_inputs, run_key_of
from pathpatch_runner.model.source import source_of
from pathpatch_runner.runner.request import Request
from pathpatch_runner.store import RunDirectory


@dataclass(frozen=True)
class RunOutcome:
    """Where the run lies and its summary; `reused`: it was there already. `directory` and
    `summary` are None for a dry run, which has the text of its `plan`."""

    directory: Path | None
    summary: pa.Table | None = None
    reused: bool = False
    plan: str = ""


def run(request: Request) -> RunOutcome:
    """Run an experiment, or find that it has been run: the same config gives the same directory.
    Prints nothing: the request's watch is told what happens.

    Raises `PathPatchError` for everything that a user can mend.
    """
    config = request.config
    request.watch.stage("reading data")
    source = request.model or source_of(config.model, config.seed)
    files = read_files(config, source)
    if not config.runtime.dry_run and request.held is None:
        found = finished(config, files)
        if found is not None:
            return found_again(found, request.overrides)
    # Mistakes are told before what computes is imported, which takes seconds.
    inputs = read_inputs(config, files, request.metrics)
    from pathpatch_runner.runner.pipeline import make_run

    with source.in_use():
        return make_run(request, files, inputs)


def finished(config: ExperimentConfig, files: Files) -> RunDirectory | None:
    """The directory of the finished run of these files; None where it must be made."""
    key = run_key_of(config, files)
    if key is None or config.runtime.force:
        return None
    directory = RunDirectory.at(config.runtime.output_root, config.experiment, key)
    return directory if directory.is_complete else None


def found_again(directory: RunDirectory, overrides: Mapping[str, str]) -> RunOutcome:
    """A finished run. Its tables say what was set this time too, so that jobs of a sweep can be
    told apart by `set.<key>` whoever made their runs."""
    summary = directory.read_table("summary.parquet")
    if missing_overrides(summary.schema, overrides):
        directory.rewrite_tables(lambda table: with_overrides(table, overrides))
        summary = directory.read_table("summary.parquet")
    return RunOutcome(directory.path, summary, reused=True)

"""`run(config)`: find the finished run of a config, or make it.

A finished run is found by the digests of its files, before a record is read and before anything
that computes is imported: no torch, no TransformerLens, no transformers, whatever the kind of its
model. `pipeline.make_run` does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pathpatch_runner.config import ExperimentConfig, Tracker
from pathpatch_runner.model.collector import much_that_stays
from pathpatch_runner.model.source import source_of
from pathpatch_runner.runner.request import Request
from pathpatch_runner.store import RunDirectory
from pathpatch_runner.store.digests import known_run_key

if TYPE_CHECKING:
    import pyarrow as pa


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
    wanted = request.held is None
    key = known_run_key(config, source) if wanted else None
    if found := finished(config, key):
        return _tracked(request, found_again(found, request.overrides))
    with much_that_stays():
        from pathpatch_runner.inputs import read_files, read_inputs, run_key_of

    files = read_files(config, source)
    if wanted and key is None and (found := finished(config, run_key_of(config, files))):
        return _tracked(request, found_again(found, request.overrides))
    # Mistakes are told before what computes is imported, which takes seconds.
    inputs = read_inputs(config, files, request.metrics)
    with much_that_stays():
        from pathpatch_runner.runner.pipeline import make_run

    with source.in_use():
        return _tracked(request, make_run(request, files, inputs))


def _tracked(request: Request, outcome: RunOutcome) -> RunOutcome:
    """Logged elsewhere, where the config asks for it."""
    if outcome.directory is not None and request.config.tracking.kind is not Tracker.none:
        from pathpatch_runner.tracking.track import track

        track(request.config, outcome.directory)
    return outcome


def finished(config: ExperimentConfig, key: str | None) -> RunDirectory | None:
    """The directory of the finished run of this key; None where it must be made."""
    if key is None or config.runtime.force or config.runtime.dry_run:
        return None
    directory = RunDirectory.at(config.runtime.output_root, config.experiment, key)
    return directory if directory.is_complete else None


def found_again(directory: RunDirectory, overrides: Mapping[str, str]) -> RunOutcome:
    """A finished run. Its tables say what was set this time too, so that jobs of a sweep can be
    told apart by `set.<key>` whoever made their runs."""
    from pathpatch_runner.effects.overrides import missing_overrides, with_overrides

    summary = directory.read_table("summary.parquet")
    if missing_overrides(summary.schema, overrides):
        directory.rewrite_tables(lambda table: with_overrides(table, overrides))
        summary = directory.read_table("summary.parquet")
    return RunOutcome(directory.path, summary, reused=True)

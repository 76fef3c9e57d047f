"""The runs of an experiment: which are done, failed, interrupted or missing, and what was swept.

A run that another process is making now is `running`; one that nobody makes and that neither
finished nor says why it failed was `interrupted`. One that finished as a part of a run that is
there too (`collect`) is `collected`: its numbers are that run's.

A *job* is a run directory with what its command line set. A *swept* key has several values among
the jobs of one experiment; keys that cannot change a result are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from pathpatch_runner.errors import StoreError
from pathpatch_runner.reading import parse_yaml, read_record, read_text
from pathpatch_runner.report.run_view import TABLES, RunView, read_run
from pathpatch_runner.store.lock import is_locked

DONE, FAILED, INTERRUPTED, RUNNING = "done", "failed", "interrupted", "running"
COLLECTED = "collected"
NOT_SWEPT = ("experiment", "description", "runtime", "hydra", "tracking", "cluster")
DEFAULT = "(default)"
"""Stands for the value of a key that a job did not set."""
MOST_MISSING = 500


@dataclass(frozen=True)
class Job:
    """`settings`: what its command line set, by key. `view`: of a finished run. `message`: of a
    failure."""

    directory: Path
    state: str
    settings: Mapping[str, str]
    view: RunView | None = None
    message: str = ""

    def value(self, key: str) -> str:
        """What it set the key to."""
        return self.settings.get(key, DEFAULT)


def read_jobs(experiment: Path, tables: Sequence[str] = TABLES) -> list[Job]:
    """Every run directory of an experiment's directory, in order of name. `tables`: those that
    are read of the finished ones."""
    folders = sorted(path for path in experiment.iterdir() if path.is_dir())
    jobs = [_job(path, tables) for path in folders if _is_run(path)]
    parts = {key for job in jobs for key in _part_keys(job)}
    return [_collected(job) if job.directory.name in parts else job for job in jobs]


def _part_keys(job: Job) -> Iterator[str]:
    """The run keys of the parts that a finished run was made of, if it was."""
    said = job.view.manifest.get("collected") if job.state == DONE and job.view else None
    parts = said.get("parts") if isinstance(said, dict) else None
    for part in parts if isinstance(parts, list) else []:
        yield from [str(part[-1])] if isinstance(part, list) and part else []


def _collected(job: Job) -> Job:
    return replace(job, state=COLLECTED) if job.state == DONE else job


def read_experiments(root: Path, tables: Sequence[str] = TABLES) -> dict[str, list[Job]]:
    """The jobs of every experiment of an output folder, by the name of its directory."""
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    found = {path.name: read_jobs(path, tables) for path in folders}
    return {experiment: jobs for experiment, jobs in found.items() if jobs}


def is_finished(directory: Path) -> bool:
    """Whether it has a manifest."""
    return (directory / "manifest.json").is_file()


def _is_run(path: Path) -> bool:
    names = ("manifest.json", "failure.json", ".hydra", "run.log")
    return any((path / name).exists() for name in names)


def _job(directory: Path, tables: Sequence[str]) -> Job:
    settings = _settings(directory)
    if is_finished(directory):
        try:
            view = read_run(directory, tables)
        except StoreError as error:
            return Job(directory, FAILED, settings, message=str(error))
        return Job(directory, DONE, settings or _from_command(view), view)
    failure = _json(directory / "failure.json")
    if failure:
        return Job(directory, FAILED, settings, message=str(failure.get("message", "")))
    return Job(directory, RUNNING if is_locked(directory) else INTERRUPTED, settings)


def _settings(directory: Path) -> dict[str, str]:
    """From Hydra's own record of the command line."""
    file = directory / ".hydra" / "overrides.yaml"
    try:
        overrides = parse_yaml(read_text(file, file.name, StoreError), file.name, StoreError)
    except StoreError:
        return {}
    return _parsed(overrides or [])


def _from_command(view: RunView) -> dict[str, str]:
    command = (view.manifest.get("provenance") or {}).get("command") or []
    return _parsed([word for word in command[1:] if "=" in word and not word.startswith("-")])


def _parsed(overrides: Any) -> dict[str, str]:
    found = {}
    for override in overrides if isinstance(overrides, list) else []:
        key, _, value = str(override).lstrip("+~").partition("=")
        if key.split(".")[0].split("/")[0] not in NOT_SWEPT:
            found[key] = value
    return found


def _json(path: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads(read_record(path))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def swept_keys(jobs: Sequence[Job]) -> list[str]:
    """Keys with several values, in the order in which commands name them."""
    keys = dict.fromkeys(key for job in jobs for key in job.settings)
    return [key for key in keys if len({job.value(key) for job in jobs}) > 1]


def number_of(value: str) -> float | None:
    """A setting that is a number."""
    try:
        return float(value)
    except ValueError:
        return None


def in_order(values: Sequence[str]) -> list[tuple[bool, float, str]]:
    """Sorts jobs by their settings: numbers by size, then texts."""
    return [(number_of(each) is None, number_of(each) or 0.0, each) for each in values]


def missing(jobs: Sequence[Job], keys: Sequence[str]) -> Iterator[dict[str, str]]:
    """Combinations of the swept values that no job has. Nothing where the jobs are far from a
    full grid: then they are no sweep of one."""
    values = [list(dict.fromkeys(job.value(key) for job in jobs)) for key in keys]
    size = 1
    for each in values:
        size *= len(each)
    if not keys or size > MOST_MISSING or 2 * len(jobs) < size:
        return
    there = {tuple(job.value(key) for key in keys) for job in jobs}
    for combination in product(*values):
        if combination not in there:
            yield dict(zip(keys, combination, strict=True))

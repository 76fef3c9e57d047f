"""Every run of an output folder: what it was told, how far it came, how long it took, its size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pathpatch_runner.errors import StoreError
from pathpatch_runner.report.jobs import Job, read_experiments, read_jobs


@dataclass(frozen=True)
class KeptRun:
    """`size`: bytes of its files. `changed`: when it finished, or else was last written to (UTC,
    ISO 8601). `seconds`: what it took, by its own manifest; None where it did not finish."""

    experiment: str
    job: Job
    size: int
    changed: str
    seconds: float | None

    @property
    def directory(self) -> Path:
        """Where it lies."""
        return self.job.directory

    @property
    def overrides(self) -> str:
        """`seed=1 patch.source=mean`."""
        return " ".join(f"{key}={value}" for key, value in self.job.settings.items())

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Of its manifest; empty where it did not finish."""
        view = self.job.view
        found = view.manifest.get("provenance") if view is not None else None
        return found if isinstance(found, dict) else {}


def kept_runs(folder: Path) -> list[KeptRun]:
    """Every run of an output folder, or of one experiment's directory, in order of name.

    Raises StoreError where there is no such folder, or no run in it.
    """
    if not folder.is_dir():
        raise StoreError(f'"{folder}" is no directory. Name an experiment or outputs')
    jobs = read_jobs(folder, tables=())
    experiments = {folder.resolve().name: jobs} if jobs else read_experiments(folder, tables=())
    found = [_kept(experiment, job) for experiment, jobs in experiments.items() for job in jobs]
    if not found:
        raise StoreError(f'"{folder}" holds no runs. Run an experiment first')
    return found


def _kept(experiment: str, job: Job) -> KeptRun:
    size, newest = 0, 0.0
    for path in (job.directory, *_files(job.directory)):
        status = path.lstat()
        newest = max(newest, status.st_mtime)
        size += 0 if path is job.directory else status.st_size
    run = KeptRun(experiment, job, size, _written(newest), _seconds(job))
    finished = run.provenance.get("finished")
    return KeptRun(experiment, job, size, str(finished), run.seconds) if finished else run


def _files(directory: Path) -> Iterator[Path]:
    """Everything in a directory that is no directory; a link is what it is, not what it names."""
    for path in sorted(directory.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def _written(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")


def _seconds(job: Job) -> float | None:
    timings = job.view.manifest.get("timings") if job.view is not None else None
    if not isinstance(timings, dict):
        return None
    return float(sum(value for value in timings.values() if isinstance(value, int | float)))

"""Runs what is not there, by the program's own command line, and finds where it lies.

A run that is there already is found again at once (the run key sees to that), so nothing here
keeps account of what has been run; the key takes in the code that computes, and it is checked
again here: numbers of other code judge nothing. Neither do values that a run has taken from other
runs: it is made again, every path set evaluated, so that a change that no digest can see (of the
machine, of a library) is seen. A separate process, because only the command line
composes configs, and it imports this package's later parts. It writes down what became of it
(`store.outcome`), so that nothing printed for people is read here.

A run whose model is not at hand (weights not in the cache, a package missing, a gated model) is
*unavailable*; anything else that goes wrong is a failure.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pathpatch_runner.errors import NotAtHandError, PublishedError, StoreError
from pathpatch_runner.regress.claim import Run
from pathpatch_runner.store import RunDirectory, code_digest
from pathpatch_runner.store.outcome import JobRecord, read_jobs

RECORDED = "pathpatch_runner.cli.record"
"""The module that is the command line with a record."""


@dataclass(frozen=True)
class Outcome:
    """`directory`: of the finished run; None with the `reason`, `available` False if that is
    only that the model is not at hand."""

    directory: Path | None
    reason: str = ""
    available: bool = True

    def table(self, name: str) -> pa.Table:
        """One of the run's tables. Raises PublishedError where there is none."""
        assert self.directory is not None
        try:
            return RunDirectory(self.directory).read_table(name)
        except StoreError as error:
            raise PublishedError(str(error)) from error


Launch = Callable[[Run], Outcome]


def launcher(output_root: Path, *, words: tuple[str, ...] = ()) -> Launch:
    """A function that runs experiments into `output_root`; `words` go before every command."""

    def launch(run: Run) -> Outcome:
        print(f"running {' '.join(run.words)}", file=sys.stderr, flush=True)
        found = made(run)
        if found.directory is not None and _has_taken(found.directory):
            return made(run, "runtime.force=true")
        return found

    def made(run: Run, *more: str) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            record = Path(folder) / "jobs.json"
            command = [
                *(sys.executable, "-m", RECORDED, str(record), *words, *run.words),
                f"runtime.output_root={output_root}",
                "runtime.progress=false",
                "runtime.reuse=false",
                *more,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            try:
                jobs = read_jobs(record)
            except StoreError:
                jobs = []
        if jobs:
            return outcome(jobs[0])
        last = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return Outcome(None, f"the run failed: {last[-1]}")

    return launch


def outcome(job: JobRecord) -> Outcome:
    """What a job's record says of its run."""
    if job.directory is not None:
        return _of_this_code(Path(job.directory))
    reason = "\n".join(error.message for error in job.errors)
    missing = NotAtHandError.__name__
    available = not job.errors or any(error.error != missing for error in job.errors)
    return Outcome(None, reason or "the run did not say what became of it", available)


def _has_taken(directory: Path) -> bool:
    """Whether a run has values that another run computed."""
    known = RunDirectory(directory).load_manifest().known
    return known is not None and any(run != directory.name for run in known.taken)


def _of_this_code(directory: Path) -> Outcome:
    """The run, if its manifest says that this very code computed it."""
    try:
        digests = RunDirectory(directory).load_manifest().provenance.digests
    except StoreError as error:
        return Outcome(None, str(error))
    if digests.get("code") != code_digest():
        return Outcome(
            None, f'"{directory}" was computed by other code. Run it with runtime.force=true'
        )
    return Outcome(directory)

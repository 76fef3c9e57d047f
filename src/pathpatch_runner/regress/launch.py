"""Runs what is not there, by the program's own command line, and finds where it lies.

A run that is there already is found again at once (the run key sees to that), so nothing here
keeps account of what has been run. A separate process, because only the command line composes
configs, and it imports this package's later parts.

A run whose model is not at hand (weights not in the cache, a package missing, a gated model) is
*unavailable*; anything else that goes wrong is a failure.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pathpatch_runner.errors import PublishedError
from pathpatch_runner.regress.published import Run

REPORT = re.compile(r"^report\s+(?P<path>.+)[/\\]report\.html\s*$", re.MULTILINE)
"""What every run, new or found again, says last on stdout."""

NOT_AT_HAND = (
    re.compile(r'model\.package: ".*" is not installed'),
    re.compile(r'model\.name: the files of ".*" are not in the cache'),
    re.compile(r'model\.name: ".*" is gated'),
    re.compile(r'model: ".*" needs a package that is not installed'),
    re.compile(r'model\.(path|weights): (no (file|directory) "[^"]*"|"[^"]*" was not found)'),
)
"""Messages of `model.files`, `model.weights`, `cli.locations`: a model is missing."""

_NUMBERED = re.compile(r"^\d+ problems:\n")
_NEXT = re.compile(r"^\d+\. ", re.MULTILINE)


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
        path = self.directory / name
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise PublishedError(
                f'"{path}" cannot be read: {error}. Delete the run and try again'
            ) from error


Launch = Callable[[Run], Outcome]


def launcher(output_root: Path, *, words: tuple[str, ...] = ()) -> Launch:
    """A function that runs experiments into `output_root`; `words` go before every command."""

    def launch(run: Run) -> Outcome:
        print(f"running {' '.join(run.words)}", file=sys.stderr, flush=True)
        command = [
            *(sys.executable, "-m", "pathpatch_runner", *words, *run.words),
            f"runtime.output_root={output_root}",
            "runtime.progress=false",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return outcome(done.returncode, done.stdout, done.stderr)

    return launch


def outcome(code: int, stdout: str, stderr: str) -> Outcome:
    """What a finished process says of its run."""
    if code == 0:
        said = REPORT.search(stdout)
        if said is None:
            return Outcome(None, "the run did not say where it lies")
        return Outcome(Path(said["path"]))
    message = stderr.partition("error: ")[2].strip()
    if not message:
        lines = stderr.strip().splitlines() or [f"exit code {code}"]
        return Outcome(None, f"the run failed: {lines[-1]}")
    return Outcome(None, message, available=not only_a_missing_model(message))


def only_a_missing_model(message: str) -> bool:
    """Whether every problem of a message is that a model is not at hand."""
    problems = [message]
    if _NUMBERED.match(message):
        problems = _NEXT.split(_NUMBERED.sub("", message))[1:]
    return all(any(known.match(problem) for known in NOT_AT_HAND) for problem in problems)

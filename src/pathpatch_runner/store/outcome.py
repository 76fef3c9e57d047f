"""What became of a command, as a record that programs read: `regress` launches runs and reads this
instead of what is printed for people.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pathpatch_runner.config import to_plain
from pathpatch_runner.errors import Problems, StoreError
from pathpatch_runner.store import atomic


@dataclass(frozen=True)
class ErrorRecord:
    """`error`: the class's name, as `errors` draws them; `message`: as shown to the user."""

    error: str
    message: str


@dataclass(frozen=True)
class JobRecord:
    """One job: the directory of its finished run, or why there is none."""

    directory: str | None
    errors: tuple[ErrorRecord, ...] = ()


def errors_of(error: BaseException) -> tuple[ErrorRecord, ...]:
    """An error as records, several problems as one each."""
    if isinstance(error, Problems):
        return tuple(record for problem in error.problems for record in errors_of(problem))
    return (ErrorRecord(type(error).__name__, str(error) or type(error).__name__),)


def write_jobs(path: Path, jobs: Sequence[JobRecord]) -> None:
    """All jobs of a command."""
    atomic.write_text(path, json.dumps(to_plain(list(jobs)), indent=2, ensure_ascii=False) + "\n")


def read_jobs(path: Path) -> list[JobRecord]:
    """Raises StoreError where there is none: the command ended before it could say anything."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [
            JobRecord(job["directory"], tuple(ErrorRecord(**error) for error in job["errors"]))
            for job in found
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f'"{path}" is no record of a command: {error}') from error

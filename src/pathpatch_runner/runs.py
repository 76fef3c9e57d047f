"""`python -m pathpatch_runner.runs [outputs]`: every run with its state, time, size and overrides.

done         finished; the same command returns it
failed       it says why
interrupted  it neither finished nor failed: the same command makes it
running      a process of this machine is making it
collected    finished as a part of a run that `collect` has made: its numbers are that run's
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pathpatch_runner.inventory.command import add_folder, command, exit_code
from pathpatch_runner.inventory.kept import KeptRun, kept_runs
from pathpatch_runner.inventory.table import moment, print_rows, size
from pathpatch_runner.report.text import MISSING, counted, duration

TITLES = ("run", "state", "changed (UTC)", "took", "size", "overrides")
MOST_MESSAGE = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = command("runs", __doc__)
    add_folder(parser)
    given = parser.parse_args(arguments)
    return exit_code(lambda: _show(given.folder))


def _show(folder: Path) -> int:
    runs = kept_runs(folder)
    print_rows(TITLES, [_row(run) for run in runs], right=("took", "size"), whole=TITLES[:-1])
    states = [run.job.state for run in runs]
    said = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    print(f"{counted(len(runs), 'run')}: {said}; {size(sum(run.size for run in runs))}")
    return 0


def _row(run: KeptRun) -> list[str]:
    message = run.job.message.split("\n")[0][:MOST_MESSAGE]
    return [
        f"{run.experiment}/{run.directory.name}",
        run.job.state,
        moment(run.changed),
        MISSING if run.seconds is None else duration(run.seconds),
        size(run.size),
        f"{run.overrides}: {message}".removeprefix(": ") if message else run.overrides,
    ]


if __name__ == "__main__":
    sys.exit(main())

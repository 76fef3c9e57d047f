"""python -m pathpatch_runner.cli.record FILE ...      the command line, with a record for programs

Runs what `...` says, as `run.py` does, and writes to FILE what became of each job.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pathpatch_runner.cli.command import JOBS, main
from pathpatch_runner.store.outcome import write_jobs


def recorded() -> None:
    """The command after FILE; its exit code is that of the command."""
    file = Path(sys.argv.pop(1))
    try:
        main()
    finally:
        write_jobs(file, [job.record for job in JOBS])


if __name__ == "__main__":
    recorded()

"""Pages of what is there: `python -m pathpatch_runner.report outputs[/<experiment>[/<run key>]]`.

A run's directory: its page again. An experiment's: one page of all its runs, `report.html`. A
folder of experiments: such a page for each with several runs, and an index of everything,
`index.html`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pathpatch_runner.errors import PathPatchError, StoreError
from pathpatch_runner.report.jobs import is_finished, read_experiments, read_jobs
from pathpatch_runner.report.page import render_report
from pathpatch_runner.report.page.index import write_index
from pathpatch_runner.report.page.sweep import write_sweep
from pathpatch_runner.report.run_view import read_run


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pathpatch_runner.report", description=(__doc__ or "").split("\n\n")[1]
    )
    parser.add_argument("directory", type=Path, help="a run, an experiment, or a folder of these")
    given = parser.parse_args(arguments)
    try:
        print(f"report  {pages_of(given.directory)}")
    except (PathPatchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def pages_of(directory: Path) -> Path:
    """Write the pages; returns the one to open. Raises StoreError where there are no runs."""
    if not directory.is_dir():
        raise StoreError(f'"{directory}" is no directory. Name a run, an experiment or outputs')
    if is_finished(directory):
        page = directory / "report.html"
        page.write_text(render_report(read_run(directory)), encoding="utf-8")
        return page
    jobs = read_jobs(directory)
    if jobs:
        return write_sweep(directory, jobs)
    experiments = read_experiments(directory)
    if not experiments:
        raise StoreError(f'"{directory}" holds no runs. Run an experiment first')
    for experiment, each in experiments.items():
        if len(each) > 1:
            write_sweep(directory / experiment, each)
    return write_index(directory, experiments)


if __name__ == "__main__":
    sys.exit(main())

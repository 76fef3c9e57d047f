"""`python -m pathpatch_runner.query "select ..." [--in outputs] [--csv]`: SQL over all runs.

Views: runs (every run: experiment, run_key, state, changed, seconds, bytes, overrides, message,
directory) and the tables of finished runs: summary, effects, scores, pairs, contrasts, curves, ...
Of parts that were collected, only the run made of them is in the tables.

  "select experiment, state, count(*) from runs group by all"
  "select path, effect_mean from summary where unit = 'path' order by abs(effect_mean) desc limit 9"
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pathpatch_runner.inventory.command import command, exit_code
from pathpatch_runner.inventory.kept import kept_runs
from pathpatch_runner.inventory.table import print_rows
from pathpatch_runner.inventory.views import Answer, answer
from pathpatch_runner.report.text import MISSING, counted

MOST_ROWS = 100
"""Rows that are shown without --csv."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = command("query", __doc__)
    parser.add_argument("query", help="in the SQL of DuckDB")
    parser.add_argument("--in", dest="folder", type=Path, default=Path("outputs"))
    parser.add_argument("--csv", action="store_true", help="every row, as CSV")
    given = parser.parse_args(arguments)
    return exit_code(lambda: _answer(given.query, given.folder, as_csv=given.csv))


def _answer(query: str, folder: Path, *, as_csv: bool) -> int:
    try:
        found = answer(query, kept_runs(folder))
        (_write_csv if as_csv else _show)(found)
    except BrokenPipeError:
        # Read no further, as `| head` does. Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _write_csv(found: Answer) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(found.columns)
    writer.writerows(found.rows)


def _show(found: Answer) -> None:
    shown = [[_text(value) for value in row] for row in found.rows[:MOST_ROWS]]
    numbers = [
        title
        for place, title in enumerate(found.columns)
        if any(isinstance(row[place], int | float) for row in found.rows[:MOST_ROWS])
    ]
    print_rows(found.columns, shown, right=numbers)
    left = len(found.rows) - len(shown)
    more = f", {left:,} of them not shown (--csv writes all)" if left else ""
    print(f"{counted(len(found.rows), 'row')}{more}")


def _text(value: Any) -> str:
    if value is None:
        return MISSING
    return f"{value:.6g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())

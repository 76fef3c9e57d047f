"""Figures of a run as files: `python -m pathpatch_runner.figures RUN --format pdf`.

Writes every figure that fits the run into `figures/` in its directory, or where `--to` says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.report.figures import FORMATS
from pathpatch_runner.report.run_figures import every_figure
from pathpatch_runner.report.run_view import read_run


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pathpatch_runner.figures", description="Figures of a run as files."
    )
    parser.add_argument("run", type=Path, help="a run's directory: outputs/<experiment>/<run key>")
    parser.add_argument("--format", choices=FORMATS, default="pdf", help="default: pdf")
    parser.add_argument("--to", type=Path, help="where to write; default: figures/ in the run")
    given = parser.parse_args(arguments)
    try:
        drawn = every_figure(read_run(given.run))
        folder = given.to or given.run / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in drawn.items():
            print(figure.save(folder / f"{name}.{given.format}"))
    except (PathPatchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

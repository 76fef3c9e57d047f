"""python -m pathpatch_runner.export RUN_DIR FILE    edge effects as EAP-IG's graph JSON"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.export.eap import Choice, export_graph


def main(words: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 1 with one message."""
    parser = argparse.ArgumentParser(
        prog="python -m pathpatch_runner.export",
        description="Write a finished run's edge effects as the graph JSON of EAP-IG.",
    )
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="outputs/<experiment>/<run key>")
    parser.add_argument("file", type=Path, metavar="FILE", help="the JSON file to write")
    parser.add_argument("--metric", help="needed where the run has several")
    parser.add_argument("--direction", choices=("noising", "denoising"), default="noising")
    parser.add_argument("--hypothesis", help="only rows of this one")
    parser.add_argument(
        "--top", type=int, default=0, metavar="N", help="mark the N largest |scores| as in_graph"
    )
    given = parser.parse_args(words)
    choice = Choice(given.metric, given.direction, given.hypothesis, given.top)
    try:
        count = export_graph(given.run, given.file, choice)
    except PathPatchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{count} edges  {given.file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What the commands on an output folder have in common: `runs`, `clean` and `query`.

A command's `--help` is its module's docstring. What a user can mend is one line on standard error
and exit code 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pathpatch_runner.errors import PathPatchError


def command(name: str, doc: str | None) -> argparse.ArgumentParser:
    """The arguments of `python -m pathpatch_runner.<name>`, none so far."""
    return argparse.ArgumentParser(
        prog=f"python -m pathpatch_runner.{name}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_folder(parser: argparse.ArgumentParser) -> None:
    """The folder it is about, `outputs` if none is named."""
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path("outputs"), help="or an experiment's directory"
    )


def exit_code(act: Callable[[], int]) -> int:
    """That of a command that does this."""
    try:
        return act()
    except (PathPatchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1

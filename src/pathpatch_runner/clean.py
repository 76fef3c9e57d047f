"""`python -m pathpatch_runner.clean [outputs] [--yes] [--parts] [--known]`: remove what is
not needed.

These are runs that no command would return: interrupted ones, and finished ones of an earlier
state of the code for which there is a later one of the same config, data and weights; and values of
path sets that other code computed. They are shown first. Runs that failed stay (they say why), and
so do runs that are being made. With --parts, the parts of which `collect` has made a run go too;
with --known, all values of path sets, which are then evaluated again. Nothing outside the folder is
touched.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.inventory.command import add_folder, command, exit_code
from pathpatch_runner.inventory.kept import kept_runs
from pathpatch_runner.inventory.surplus import Surplus, is_within, remove, surplus_runs
from pathpatch_runner.inventory.table import moment, print_rows, size
from pathpatch_runner.inventory.values import KeptValues, kept_values, remove_values
from pathpatch_runner.report.text import counted
from pathpatch_runner.store import code_digest
from pathpatch_runner.store.known import FOLDER


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = command("clean", __doc__)
    add_folder(parser)
    parser.add_argument("--known", action="store_true", help="all values of path sets too")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--parts", action="store_true", help="collected parts too")
    given = parser.parse_args(arguments)
    return exit_code(lambda: _clean(given))


def _clean(given: argparse.Namespace) -> int:
    folder, present = given.folder, code_digest()
    found = surplus_runs(kept_runs(folder), present, parts=given.parts)
    values = [each for each in kept_values(folder) if given.known or each.code != present]
    linked = [each for each in found if not is_within(each.run.directory, folder)]
    for each in linked:
        print(f"left, since a link leads there: {each.run.directory}")
    going = [each for each in found if each not in linked]
    if not going and not values:
        print("nothing to remove")
        return 0
    if going:
        _show(going)
    if values:
        print(f"values of path sets: {_folders(values)} of {folder / FOLDER}, {_size(values)}")
    if not given.yes and not _agreed(len(going), len(values)):
        print("nothing was removed (--yes removes without asking)")
        return 0
    return max(_remove(going, folder), _remove_values(values))


def _show(going: Sequence[Surplus]) -> None:
    rows = [
        [
            f"{each.run.experiment}/{each.run.directory.name}",
            each.why,
            moment(each.run.changed),
            size(each.run.size),
            each.run.overrides,
        ]
        for each in going
    ]
    titles = ("run", "why", "changed (UTC)", "size", "overrides")
    print_rows(titles, rows, right=("size",), whole=("run", "size"))


def _folders(values: Sequence[KeptValues]) -> str:
    return counted(len(values), "folder")


def _size(values: Sequence[KeptValues]) -> str:
    return size(sum(each.size for each in values))


def _agreed(runs: int, values: int) -> bool:
    what = ["this run" if runs == 1 else f"these {runs} runs"] if runs else []
    what += ["these values"] if values else []
    try:
        said = input(f"remove {' and '.join(what)}? [y/N] ")
    except EOFError:
        print()
        return False
    return said.strip().lower() in ("y", "yes")


def _remove_values(values: Sequence[KeptValues]) -> int:
    if not values:
        return 0
    for each in values:
        remove_values(each)
    print(f"removed {_folders(values)} of values, {_size(values)}")
    return 0


def _remove(going: Sequence[Surplus], folder: Path) -> int:
    """All that can be removed; what cannot is said, and the others go."""
    if not going:
        return 0
    removed = []
    for each in going:
        try:
            remove(each, folder)
        except PathPatchError as error:
            print(f"error: {error}", file=sys.stderr)
        else:
            removed.append(each)
    print(f"removed {counted(len(removed), 'run')}, {size(sum(e.run.size for e in removed))}")
    return 0 if len(removed) == len(going) else 1


if __name__ == "__main__":
    sys.exit(main())

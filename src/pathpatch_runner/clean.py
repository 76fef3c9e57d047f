"""`python -m pathpatch_runner.clean [outputs] [--yes] [--parts]`: remove runs nobody needs.

These are runs that no command would return: interrupted ones, and finished ones of an earlier
state of the code for which there is a later one of the same config, data and weights. They are
shown first. Runs that failed stay (they say why), and so do runs that are being made. With
--parts, the parts of which `collect` has made a run go too. Nothing outside the folder is touched.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.inventory.command import add_folder, command, exit_code
from pathpatch_runner.inventory.kept import kept_runs
from pathpatch_runner.inventory.surplus import Surplus, is_within, remove, surplus_runs
from pathpatch_runner.inventory.table import moment, print_rows, size
from pathpatch_runner.report.text import counted
from pathpatch_runner.store import code_digest


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = command("clean", __doc__)
    add_folder(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--parts", action="store_true", help="collected parts too")
    given = parser.parse_args(arguments)
    return exit_code(lambda: _clean(given.folder, asks=not given.yes, parts=given.parts))


def _clean(folder: Path, *, asks: bool, parts: bool) -> int:
    found = surplus_runs(kept_runs(folder), code_digest(), parts=parts)
    linked = [each for each in found if not is_within(each.run.directory, folder)]
    for each in linked:
        print(f"left, since a link leads there: {each.run.directory}")
    going = [each for each in found if each not in linked]
    if not going:
        print("nothing to remove")
        return 0
    _show(going)
    if asks and not _agreed(len(going)):
        print("nothing was removed (--yes removes without asking)")
        return 0
    return _remove(going, folder)


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


def _agreed(count: int) -> bool:
    try:
        said = input(f"remove {'this run' if count == 1 else f'these {count} runs'}? [y/N] ")
    except EOFError:
        print()
        return False
    return said.strip().lower() in ("y", "yes")


def _remove(going: Sequence[Surplus], folder: Path) -> int:
    """All that can be removed; what cannot is said, and the others go."""
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

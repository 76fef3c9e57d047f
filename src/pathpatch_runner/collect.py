"""`python -m pathpatch_runner.collect outputs/<experiment> ...`: one run made of its parts.

  python run.py -m experiment=my shard=1/3,2/3,3/3          three jobs, a third of the pairs each
  python -m pathpatch_runner.collect outputs/my             one run of all pairs

The run lies in the experiment's folder under the key that the same command without `shard` and
`bindings` has: that command returns it. Several folders, of several machines, say: the run goes
into the first. Parts of other weights, data, code or settings are never added up, and nothing is
collected while a part is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pathpatch_runner.collection.part import PartRun, named, read_part
from pathpatch_runner.collection.sort import gather, why_incomplete
from pathpatch_runner.collection.write import write_whole
from pathpatch_runner.errors import ConfigError, StoreError
from pathpatch_runner.inputs.parts import BINDINGS, KEYS, SHARD, part_of
from pathpatch_runner.inventory.command import command, exit_code
from pathpatch_runner.report.jobs import Job, is_finished, read_jobs
from pathpatch_runner.report.text import counted
from pathpatch_runner.store import command_line


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = command("collect", __doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="an experiment's directory, or more")
    given = parser.parse_args(arguments)
    return exit_code(lambda: collect(given.folders))


def collect(folders: Sequence[Path]) -> int:
    """Every whole of which all parts are there; 1 where one could not be made.

    Raises StoreError where there are no parts, or pairs would count twice.
    """
    jobs = [job for folder in folders for job in _jobs(folder)]
    parts, unread = _parts(jobs)
    wholes = gather(parts)
    if not wholes:
        raise StoreError("\n".join([_nothing(folders), *unread]))
    problems = []
    for gathered in wholes:
        if gathered.missing:
            said = why_incomplete(gathered, parts, _unfinished(jobs))
            problems.append("\n".join([said, *unread]))
            continue
        path, reused = write_whole(gathered, folders[0], command_line())
        what = "there already" if reused else f"of {counted(len(gathered.parts), 'part')}"
        print(f"collected  {path}  ({what})")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _jobs(folder: Path) -> list[Job]:
    if not folder.is_dir():
        raise StoreError(f'"{folder}" is no directory. Name an experiment: outputs/<experiment>')
    return read_jobs(folder, tables=())


def _parts(jobs: Sequence[Job]) -> tuple[list[PartRun], list[str]]:
    """The finished parts, and why some runs could not be read."""
    parts, unread = [], []
    for job in jobs:
        if is_finished(job.directory):
            try:
                part = read_part(job.directory)
            except StoreError as error:
                unread.append(f'  "{job.directory}" is not read: {error}')
                continue
            parts += [] if part is None else [part]
    return parts, unread


def _nothing(folders: Sequence[Path]) -> str:
    named_folders = ", ".join(f'"{folder}"' for folder in folders)
    return (
        f"{named_folders}: no finished run there is a part of another. Make parts with {SHARD} or "
        f"{BINDINGS}: python run.py -m experiment=... {SHARD}=1/2,2/2"
    )


def _unfinished(jobs: Sequence[Job]) -> Mapping[str, str]:
    """What is said of parts that did not finish, by what their command lines named."""
    found = {}
    for job in jobs:
        said = [job.settings.get(key) for key in KEYS]
        if is_finished(job.directory) or said == [None, None]:
            continue
        try:
            cell = (part_of(said[0], SHARD), part_of(said[1], BINDINGS))
        except ConfigError:
            continue
        message = job.message.split("\n")[0]
        found[named(cell)] = f"({job.state}{f': {message}' if message else ''})"
    return found


if __name__ == "__main__":
    sys.exit(main())

"""Runs that no command would return, and their removal.

*interrupted*: it did not finish and nobody is making it. The same command makes it anew: nothing in
its directory is used (what it had evaluated is kept elsewhere, `store.known`).

*superseded*: a finished run of an earlier state of our code, where a later one asked the same of
the same data and weights. The run key takes in the code, so that no command returns the earlier
one. A run of the present code is never superseded; neither is one whose data or weights have
changed since, for it cannot be made again.

*collected*: a part whose numbers are those of a run that was collected of it. Its own command would
return it; that of the whole does not need it. It goes only if asked for.

A failed run is none of these: it says why.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathpatch_runner.errors import StoreError
from pathpatch_runner.inventory.kept import KeptRun
from pathpatch_runner.report.jobs import COLLECTED, DONE, INTERRUPTED, is_finished
from pathpatch_runner.store.atomic import explained
from pathpatch_runner.store.identity import NOT_IN_KEY
from pathpatch_runner.store.lock import locked
from pathpatch_runner.store.run_directory import MANIFEST

OF_CODE = "code"
OF_PLUGIN = "plug-in "
"""How digests of code are called, beside those of data and weights."""


@dataclass(frozen=True)
class Surplus:
    """`why`: for readers."""

    run: KeptRun
    why: str


def surplus_runs(
    runs: Sequence[KeptRun], present_code: str, *, parts: bool = False
) -> list[Surplus]:
    """Those of the runs that may go, in their order. `present_code`: `store.code_digest()`;
    `parts`: collected ones too."""
    later = dict(_superseded(runs, present_code))
    found = []
    for run in runs:
        if run.job.state == INTERRUPTED:
            found.append(Surplus(run, "interrupted"))
        elif parts and run.job.state == COLLECTED:
            found.append(Surplus(run, "collected"))
        elif run.directory in later:
            found.append(Surplus(run, f"superseded by {later[run.directory]}"))
    return found


def _superseded(runs: Sequence[KeptRun], present_code: str) -> Iterator[tuple[Path, str]]:
    """(directory, key of the run that stands for it)."""
    same: dict[str, list[KeptRun]] = {}
    for run in runs:
        if run.job.state == DONE and run.provenance:
            same.setdefault(_asked(run), []).append(run)
    for group in same.values():
        *earlier, last = sorted(group, key=lambda run: (run.changed, run.directory.name))
        for run in earlier:
            if run.provenance.get("digests", {}).get(OF_CODE) != present_code:
                yield run.directory, last.directory.name


def _asked(run: KeptRun) -> str:
    """What a run asked, of which data and weights: its identity without that of our code."""
    config, digests = (run.provenance.get(key) or {} for key in ("config", "digests"))
    results = {key: value for key, value in config.items() if key not in NOT_IN_KEY}
    of_data = {
        key: value
        for key, value in digests.items()
        if key != OF_CODE and not key.startswith(OF_PLUGIN)
    }
    return json.dumps([run.experiment, results, of_data], sort_keys=True)


def is_within(directory: Path, folder: Path) -> bool:
    """Whether a run lies in the folder itself, reached through no link."""
    inside = directory.parent == folder or directory.parent.parent == folder
    linked = directory.is_symlink() or (
        directory.parent != folder and directory.parent.is_symlink()
    )
    return inside and not linked


def remove(surplus: Surplus, folder: Path) -> None:
    """Remove one run of the folder, its manifest first: half removed it is no finished run.

    Links in it are removed, and what they name is left. Raises StoreError for a run that a link
    leads to, that another process is making, or that has finished since.
    """
    directory = surplus.run.directory
    if not is_within(directory, folder):
        raise StoreError(f'"{directory}" is reached through a link and is left. Remove the link')
    with locked(directory), explained(directory):
        if surplus.run.job.state == INTERRUPTED and is_finished(directory):
            raise StoreError(f'"{directory}" has finished in the meantime and is left')
        (directory / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(directory)

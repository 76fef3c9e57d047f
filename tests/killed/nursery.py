"""A process whose children are killed (`forked`). Asked with a scenario, a folder, and the moment
at which the child is killed (0: never), it answers how many moments there were.

A *moment* is an event of the file system below the folder's outputs (a file opened, renamed,
removed, a folder made), as Python's audit hooks tell it, just before it happens: what a process
leaves changes only there, so that moments drawn among these are worth more than moments drawn from
a clock.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import transformer_lens  # noqa: F401  once, before any child

from forked import serve
from killed.scenarios import SCENARIOS, short_pages

CHANGES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate")


def _do(scenario: str, folder: Path, last: int) -> int:
    """In the child: the scenario, killed at the moment `last`; else how many there were."""
    seen = 0
    below = str(folder / "outputs")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in CHANGES and str(arguments[0]).startswith(below):
            seen += 1
            if seen == last:
                os.kill(os.getpid(), signal.SIGKILL)

    os.chdir(folder)
    sys.addaudithook(hook)
    SCENARIOS[scenario](folder)
    return seen


def _answer(scenario: str, folder: str, last: str) -> str:
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            return str(_do(scenario, Path(folder), int(last)))
    except BaseException:
        return f"failed: {traceback.format_exc()[-2000:]} {said.getvalue()[-500:]}"


if __name__ == "__main__":
    short_pages()
    serve(_answer)

"""Processes that are killed. Imports once, then does a scenario in a process of its own for each
line of its input: a scenario, a folder, and the moment at which it is killed (0: never).

A *moment* is an event of the file system below the folder's outputs (a file opened, renamed,
removed, a folder made), as Python's audit hooks tell it, just before it happens: what a process
leaves changes only there, so that moments drawn among these are worth more than moments drawn from
a clock. Answers how many moments there were, or "killed".
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

CHANGES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate")
TESTS = str(Path(__file__).parents[1])


class Nursery:
    """Processes to be killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._answer() == "ready"

    def do(self, scenario: str, folder: Path, moment: int = 0) -> str:
        """The scenario in the folder."""
        assert self._process.stdin is not None
        print(scenario, folder, moment, sep="\t", file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def nursery() -> Iterator[Nursery]:
    """One, while it is needed."""
    command = [sys.executable, "-m", "killed.nursery"]
    path = os.pathsep.join([TESTS, *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    ) as process:
        yield Nursery(process)


def _do(scenario: str, folder: Path, last: int) -> int:
    """In the child: the scenario, killed at the moment `last`; else how many there were."""
    from killed.scenarios import SCENARIOS

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


def _child(scenario: str, folder: Path, last: int, writing: int) -> None:
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            answer = str(_do(scenario, folder, last))
    except BaseException:
        answer = f"failed: {traceback.format_exc()[-2000:]} {said.getvalue()[-500:]}"
    os.write(writing, answer.replace("\n", " | ").encode())
    os._exit(0)


def _main() -> None:
    import transformer_lens  # noqa: F401

    from killed.scenarios import short_pages

    short_pages()
    print("ready", flush=True)
    for line in sys.stdin:
        scenario, folder, last = line.rstrip("\n").split("\t")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _child(scenario, Path(folder), int(last), writing)
        os.close(writing)
        answer = os.read(reading, 4096).decode()
        os.close(reading)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else answer, flush=True)


if __name__ == "__main__":
    _main()

"""kill -9 at random moments of a run: nothing half written is read as complete, and the run made
afterwards has the bytes of one that was never killed.

A *moment* is an event of the file system below the run's folder (a file opened, renamed, removed, a
folder made), as Python's audit hooks tell it, just before it happens: what a process leaves changes
only there, so that moments drawn among these are worth more than moments drawn from a clock.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pathpatch_runner.inventory.kept import kept_runs
from pathpatch_runner.store import RunDirectory
from runs.small import write_pairs

NURSERY = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import transformer_lens
import pathpatch_runner.runner.pipeline
from pathpatch_runner.runner import Request, run
from runs.small import experiment

CHANGES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate")

def make(folder, last):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if event in CHANGES and str(arguments[0]).startswith(f"{folder}/outputs"):
            seen += 1
            if seen == last:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    run(Request(experiment(Path(folder))))
    return seen

print("ready", flush=True)
for line in sys.stdin:
    folder, last = line.split()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(make(folder, int(last))).encode())
        os._exit(0)
    os.close(writing)
    events = os.read(reading, 20).decode()
    os.close(reading)
    _, status = os.waitpid(child, 0)
    print("killed" if os.WIFSIGNALED(status) else events, flush=True)
"""
"""Imports once, then makes a run in a process of its own for each line: a folder, and the moment at
which it is killed (0: never). Answers how many moments there were."""
KILLS = 8
TABLES = ("effects.parquet", "summary.parquet", "pairs.parquet", "plan.txt")


class Nursery:
    """Processes to be killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._answer() == "ready"

    def make(self, folder: Path, moment: int = 0) -> str:
        """The run of `folder`."""
        assert self._process.stdin is not None
        print(folder, moment, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    command = [sys.executable, "-c", NURSERY, str(Path(__file__).parents[1])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Nursery(process)


def contents(directory: Path) -> dict[str, bytes]:
    return {name: (directory / name).read_bytes() for name in TABLES}


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path, nursery: Nursery) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
        write_pairs(folder / "pairs.jsonl")
    moments = int(nursery.make(whole))
    (expected,) = (whole / "outputs" / "small").iterdir()
    directory = RunDirectory(killed / "outputs" / "small" / expected.name)
    # The last moments, of the lock, come after the manifest.
    for moment in random.Random(13).sample(range(5, moments), KILLS):
        answer = nursery.make(killed, moment)
        if directory.is_complete:
            assert contents(directory.path) == contents(expected)
            continue
        assert answer == "killed"
        assert not (directory.path / "manifest.json").exists()
        assert {run.job.state for run in kept_runs(killed / "outputs")} == {"interrupted"}
        for proof in (killed / "outputs" / ".proofs").glob("[!.]*.json"):
            assert json.loads(proof.read_text())
    nursery.make(killed)
    assert directory.is_complete
    assert contents(directory.path) == contents(expected)
    left = {path.name for path in directory.path.iterdir()}
    assert left == {path.name for path in expected.iterdir()}

"""kill -9 at random moments of everything that writes: nothing half written is read as complete,
and what is made afterwards has the bytes of what was never killed.

`make soak` does the same with a thousand moments (`KILLS`) and prints what it saw.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from forked import Asked, asked
from killed.scenarios import FIRST, KILLED
from pathpatch_runner.errors import StoreError
from pathpatch_runner.inventory.kept import KeptRun, kept_runs
from pathpatch_runner.report.jobs import COLLECTED, DONE, INTERRUPTED
from pathpatch_runner.store.known import FOLDER
from pathpatch_runner.store.part import read_part
from pathpatch_runner.store.run_directory import MANIFEST
from runs.small import write_pairs

KILLS = int(os.environ.get("KILLS", "100"))
"""In all scenarios together."""
NOT_COMPARED = (MANIFEST, "run.log", "report.html", ".lock", "failure.json")
"""Files that say when, and how long it took; or that the next attempt removes."""


@dataclass
class Seen:
    """What became of a scenario's attempts. `left`: states of the runs that lay there after
    each."""

    kills: int = 0
    finished: int = 0
    left: Counter[str] = field(default_factory=Counter)


def contents(directory: Path) -> dict[str, bytes]:
    """Everything of a run that does not say when it was made."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in files
        if path.name not in NOT_COMPARED and ".hydra" not in path.parts
    }


def runs_of(outputs: Path) -> list[KeptRun]:
    try:
        return kept_runs(outputs)
    except StoreError:
        return []


def check(outputs: Path, expected: dict[str, dict[str, bytes]], seen: Seen) -> None:
    """What a killed process left: finished runs with the right bytes, or none; whole parts."""
    for each in runs_of(outputs):
        seen.left[each.job.state] += 1
        assert each.job.state in (DONE, COLLECTED, INTERRUPTED)
        if each.job.state != INTERRUPTED:
            assert contents(each.directory) == expected[each.directory.name]
    for part in (outputs / FOLDER).glob("*/[!.]*.part"):
        read_part(part)
    for proof in (outputs / ".proofs").glob("[!.]*.json"):
        json.loads(proof.read_text())


def prepared(nursery: Asked, folder: Path, scenario: str) -> Path:
    """A folder with the data, and with what must be there before the scenario begins."""
    folder.mkdir()
    write_pairs(folder / "pairs.jsonl")
    if scenario in FIRST:
        answer = nursery.ask(f"before {scenario}", folder, 0)
        assert answer.isdigit(), answer
    return folder


def finished(outputs: Path) -> dict[str, dict[str, bytes]]:
    return {each.directory.name: contents(each.directory) for each in runs_of(outputs)}


def killed(
    nursery: Asked, scenario: str, tmp_path: Path, kills: int, chance: random.Random
) -> Seen:
    """Attempts, each killed at a moment, until one finishes; then from nothing again."""
    before = prepared(nursery, tmp_path / "before", scenario)
    whole = shutil.copytree(before, tmp_path / "whole")
    answer = nursery.ask(scenario, whole, 0)
    assert answer.isdigit(), answer
    expected = finished(whole / "outputs")
    assert expected
    moments, seen = int(answer), Seen()
    while seen.kills < kills:
        folder = shutil.copytree(before, tmp_path / f"killed{seen.finished}")
        while seen.kills < kills:
            answer = nursery.ask(scenario, folder, chance.randint(1, moments))
            check(folder / "outputs", expected, seen)
            if answer != "SIGKILL":
                break
            seen.kills += 1
        answer = nursery.ask(scenario, folder, 0)
        assert answer.isdigit(), answer
        assert finished(folder / "outputs") == expected
        assert not list(folder.glob("outputs/**/.*.partial"))
        seen.finished += 1
        shutil.rmtree(folder)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("scenario", KILLED)
def test_killed_at_random_moments(
    tmp_path: Path, scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chance, kills = random.Random(f"13 {scenario}"), -(-KILLS // len(KILLED))
    with asked("killed.nursery") as nursery:
        seen = killed(nursery, scenario, tmp_path, kills, chance)
    assert seen.kills == kills
    with capsys.disabled():
        print(f"\n{scenario}: {seen.kills} kills, {seen.finished} finished afterwards; ", end="")
        print(f"runs found there: {dict(seen.left)}")

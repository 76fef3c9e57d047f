"""Hostile files, read with bounded memory: an error of ours within two seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from forked import Asked, asked
from fuzz.hostile import HOSTILE, Hostile
from fuzz.readers import COMPOSED, READERS


@pytest.fixture(scope="module")
def process() -> Iterator[Asked]:
    with asked("fuzz.limited") as found:
        yield found


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda each: f"{each.reader}: {each.name}")
def test_hostile_files_are_refused(tmp_path: Path, process: Asked, hostile: Hostile) -> None:
    (reader,) = (each for each in (*READERS, COMPOSED) if each.name == hostile.reader)
    path = tmp_path / "experiment" / "run" / reader.file
    path.parent.mkdir(parents=True)
    hostile.write(path)
    try:
        answer = process.ask(hostile.reader, path)
    finally:
        path.unlink()
    assert answer.startswith("refused ") or (hostile.harmless and answer == "read"), answer
    # What is quoted of a file is short, whatever it holds.
    assert len(answer) < 1500

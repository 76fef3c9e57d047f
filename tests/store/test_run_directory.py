"""Run directories: complete or not, whole files only, one writer, failures recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pathpatch_runner.errors import ModelError, StoreError
from pathpatch_runner.store import RunDirectory, atomic
from store.records import MANIFEST


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return RunDirectory.at(tmp_path, "toy", "0123456789abcdef")


def names(directory: RunDirectory) -> list[str]:
    return sorted(path.name for path in directory.path.iterdir())


def test_a_run_leaves_its_files_and_nothing_else(directory: RunDirectory, tmp_path: Path) -> None:
    table = pa.table({"x": [1.0]})
    with directory.writing():
        directory.write_table("effects.parquet", table)
        directory.write_text("plan.txt", "a → b\r\n")
        directory.write_manifest(MANIFEST)
    assert directory.path == tmp_path / "toy" / "0123456789abcdef"
    assert names(directory) == ["effects.parquet", "manifest.json", "plan.txt"]
    assert pq.read_table(directory.path / "effects.parquet").equals(table)
    assert (directory.path / "plan.txt").read_bytes() == b"a \xe2\x86\x92 b\r\n"
    assert directory.load_manifest().counts == MANIFEST.counts


def test_files_can_be_read_by_whom_the_umask_allows(directory: RunDirectory) -> None:
    before = os.umask(0o027)
    try:
        with directory.writing():
            directory.write_text("plan.txt", "")
    finally:
        os.umask(before)
    assert (directory.path / "plan.txt").stat().st_mode & 0o777 == 0o640


def test_complete_means_a_readable_manifest(directory: RunDirectory) -> None:
    assert not directory.is_complete
    with directory.writing():
        assert not directory.is_complete
        directory.write_manifest(MANIFEST)
    assert directory.is_complete
    (directory.path / "manifest.json").write_text('{"format_version": 0}')
    assert not directory.is_complete
    (directory.path / "manifest.json").write_bytes(b"\xff")
    assert not directory.is_complete


def test_no_manifest_says_so(directory: RunDirectory) -> None:
    with pytest.raises(StoreError) as error:
        directory.load_manifest()
    assert str(error.value) == (
        f'"{directory.path}" has no manifest.json: the run is not complete. Run it again'
    )


def test_writing_again_makes_the_run_incomplete_first(directory: RunDirectory) -> None:
    with directory.writing():
        directory.write_manifest(MANIFEST)
    with directory.writing():
        assert names(directory) == [".lock"]


def test_looking_creates_nothing(directory: RunDirectory, tmp_path: Path) -> None:
    assert not directory.is_complete
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("experiment", ["", ".", "..", "a/b", "a\\b"])
def test_an_experiment_is_one_directory(experiment: str) -> None:
    with pytest.raises(StoreError) as error:
        RunDirectory.at("outputs", experiment, "k")
    assert str(error.value) == (
        f'experiment: "{experiment}" cannot name a directory of outputs. '
        "Use letters, digits, - and _"
    )


def test_a_write_that_fails_keeps_the_old_file(directory: RunDirectory) -> None:
    path = directory.path / "plan.txt"

    def cut_short() -> None:
        with atomic.replaced(path) as temporary:
            temporary.write_text("half")
            assert path.read_text() == "old"
            raise RuntimeError("power cut")

    with directory.writing():
        directory.write_text("plan.txt", "old")
        with pytest.raises(RuntimeError, match="power cut"):
            cut_short()
    assert path.read_text() == "old"
    assert names(directory) == ["plan.txt"]


def test_what_a_crash_left_is_swept_and_the_rest_kept(directory: RunDirectory) -> None:
    directory.path.mkdir(parents=True)
    for name in (".effects.parquet.x1.partial", "run.log", "notes.partial"):
        (directory.path / name).write_text("")
    (directory.path / ".hydra").mkdir()
    (directory.path / ".hydra" / ".config.yaml.x2.partial").write_text("")
    with directory.writing():
        pass
    assert names(directory) == [".hydra", "notes.partial", "run.log"]
    assert list((directory.path / ".hydra").iterdir()) == []


def test_a_failure_is_recorded_and_raised(directory: RunDirectory) -> None:
    with pytest.raises(ModelError, match="no such weights"), directory.writing():
        raise ModelError("no such weights")
    failure = json.loads((directory.path / "failure.json").read_text())
    assert (failure["error"], failure["message"]) == ("ModelError", "no such weights")
    assert failure["traceback"].startswith("Traceback (most recent call last):\n")
    assert failure["time"].endswith("+00:00")
    assert not directory.is_complete


def test_a_failed_run_is_not_complete_even_after_its_manifest(directory: RunDirectory) -> None:
    def fail_late() -> None:
        with directory.writing():
            directory.write_manifest(MANIFEST)
            raise RuntimeError("after")

    with pytest.raises(RuntimeError, match="after"):
        fail_late()
    assert not directory.is_complete


def test_the_next_attempt_removes_the_failure(directory: RunDirectory) -> None:
    with pytest.raises(RuntimeError), directory.writing():
        raise RuntimeError
    with directory.writing():
        directory.write_manifest(MANIFEST)
    assert names(directory) == ["manifest.json"]


def test_a_second_writer_is_refused(directory: RunDirectory) -> None:
    with directory.writing():
        with pytest.raises(StoreError) as error, directory.writing():
            pass
        assert names(directory) == [".lock"]
    assert str(error.value) == (
        f'"{directory.path}" is being written to by another run (process {os.getpid()}). '
        "Wait for it to finish, or stop it; running again then continues from there"
    )
    with directory.writing():
        pass


def test_the_lock_of_a_killed_process_does_not_hold(directory: RunDirectory) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from pathpatch_runner.store.lock import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    os._exit(3)\n"
    )
    directory.path.mkdir(parents=True)
    done = subprocess.run([sys.executable, "-c", script, str(directory.path)], check=False)
    assert done.returncode == 3
    assert names(directory) == [".lock"]
    with directory.writing():
        pass
    assert names(directory) == []


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda root: root.write_text(""), "is a file where a folder must be. Name another folder"),
        (lambda root: root.mkdir(mode=0o500), "Name a folder that you may write to"),
    ],
    ids=["a file", "read-only"],
)
def test_a_folder_that_cannot_be_written_is_one_message(
    tmp_path: Path, make: Callable[[Path], object], why: str
) -> None:
    if os.geteuid() == 0 and "may write" in why:
        pytest.skip("root may write everywhere")
    root = tmp_path / "outputs"
    make(root)
    directory = RunDirectory.at(root, "toy", "k")
    assert not directory.is_complete
    with pytest.raises(StoreError) as error, directory.writing():
        pass
    assert why in str(error.value)


def test_a_full_disk_is_one_message(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(StoreError) as error, directory.writing():
        directory.write_table("effects.parquet", pa.table({"x": [1.0]}))
    assert str(error.value) == (
        f'"{directory.path}/effects.parquet" cannot be written: No space left on device. Make room '
        "there, or name another folder, and run again: what is done is kept"
    )


def test_a_link_does_not_lead_out_of_the_outputs(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root = tmp_path / "outputs"
    root.mkdir()
    (root / "toy").symlink_to(elsewhere)
    with pytest.raises(StoreError, match=r'leads to ".*elsewhere/k", outside of ".*". Remove'):
        RunDirectory.at(root, "toy", "k")


def test_the_outputs_themselves_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "outputs").symlink_to(tmp_path / "disk")
    assert RunDirectory.at(tmp_path / "outputs", "toy", "k").path.name == "k"

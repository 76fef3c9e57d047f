"""Whole runs on disks that are full, read-only, of another kind or used by somebody else, and with
clocks that jump: one message, nothing half written, and the next attempt goes on."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pathpatch_runner.errors import StoreError
from pathpatch_runner.inventory.kept import kept_runs
from pathpatch_runner.inventory.surplus import surplus_runs
from pathpatch_runner.runner import Request, RunOutcome, run
from pathpatch_runner.store import RunDirectory, code_digest
from pathpatch_runner.store.known import FOLDER, KnownUnits
from runs.small import experiment, write_pairs

NOBODY = 65534


@pytest.fixture(autouse=True)
def _no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages take longer than everything else here together."""
    monkeypatch.setattr("pathpatch_runner.runner.pipeline.render_report", lambda _: "a page")


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def table(outcome: RunOutcome) -> bytes:
    assert outcome.directory is not None
    return (outcome.directory / "effects.parquet").read_bytes()


def test_a_disk_that_is_full_at_the_tables_costs_no_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", full)
        with pytest.raises(StoreError, match=r"No space left on device\. Make room there"):
            run(Request(experiment(tmp_path)))
    (job,) = kept_runs(tmp_path / "outputs")
    assert job.job.state == "failed"
    assert not list(job.directory.glob("*.parquet"))
    evaluated: list[object] = []
    monkeypatch.setattr(KnownUnits, "keep", lambda *what: evaluated.append(what))
    assert run(Request(experiment(tmp_path))).directory == job.directory
    assert evaluated == []


def test_a_disk_that_has_no_room_for_parts_only_is_said_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = Path.write_bytes

    def no_parts(path: Path, data: bytes) -> int:
        if ".part." in path.name:
            full()
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", no_parts)
    monkeypatch.setattr(logging.getLogger("pathpatch_runner"), "handlers", [caplog.handler])
    outcome = run(Request(experiment(tmp_path)))
    assert outcome.directory is not None
    assert RunDirectory(outcome.directory).is_complete
    assert caplog.text.count("cannot be kept for another attempt") == 1
    assert not list((tmp_path / "outputs" / FOLDER).glob("*/*.part*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A disk of its own, of the size that is asked for; asked again, the same disk with another."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def of_size(kib: int) -> Path:
        again = (
            ["-o", f"remount,size={kib}k"] if os.path.ismount(folder) else ["-o", f"size={kib}k"]
        )
        command = ["mount", "-t", "tmpfs", *again, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no disk can be mounted here")
        return folder

    yield of_size
    if os.path.ismount(folder):
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_disk_that_grows_until_the_run_has_room(
    tmp_path: Path, small_disk: Callable[[int], Path]
) -> None:
    expected = table(run(Request(experiment(tmp_path))))
    config = experiment(tmp_path)
    refused = []
    for kib in range(4, 400, 4):
        config.runtime.output_root = str(small_disk(kib) / "outputs")
        try:
            made = run(Request(config))
            break
        except StoreError as error:
            refused.append(str(error))
        assert not list((tmp_path / "disk").rglob("manifest.json"))
    assert len(refused) >= 5
    assert all("No space left on device. Make room there" in said for said in refused)
    assert table(made) == expected


def in_a_process(do: Callable[[], object], *, nobody: bool = False) -> str:
    """What `do` returns or raises in another process, as text. `nobody`: one that may not write
    where only root may."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if nobody and os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            said = str(do())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode()[:4000])
        os._exit(0)
    os.close(writing)
    said = os.read(reading, 4096).decode()
    os.close(reading)
    os.waitpid(child, 0)
    return said


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that anybody may look into."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_outputs_that_may_not_be_written_to_are_one_message(open_folder: Path) -> None:
    write_pairs(open_folder / "pairs.jsonl")
    outputs = open_folder / "outputs"
    outputs.mkdir(mode=0o555)
    outputs.chmod(0o555)
    said = in_a_process(lambda: run(Request(experiment(open_folder))), nobody=True)
    assert said.startswith(f'StoreError: "{outputs}/small')
    assert "cannot be written: Permission denied. Name a folder that you may write to" in said
    assert list(outputs.iterdir()) == []


def test_a_finished_run_is_found_in_outputs_that_are_read_only(open_folder: Path) -> None:
    made = run(Request(experiment(open_folder)))
    for path in (open_folder / "outputs").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (open_folder / "outputs").chmod(0o555)
    # With another command line, whose `set.` columns cannot be added to its tables.
    again = Request(experiment(open_folder), overrides={"seed": "0"})
    said = in_a_process(lambda: run(again).directory, nobody=True)
    assert said == str(made.directory)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no other file system here")
def test_outputs_on_another_file_system(tmp_path: Path) -> None:
    here = run(Request(experiment(tmp_path)))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        assert os.stat(other).st_dev != tmp_path.stat().st_dev
        config = experiment(tmp_path)
        config.runtime.output_root = other
        assert table(run(Request(config))) == table(here)
        assert run(Request(config)).reused


def test_outputs_that_a_link_leads_to_another_file_system(tmp_path: Path) -> None:
    here = run(Request(experiment(tmp_path)))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        (tmp_path / "linked").symlink_to(other)
        config = experiment(tmp_path)
        config.runtime.output_root = str(tmp_path / "linked")
        assert table(run(Request(config))) == table(here)


def test_two_processes_with_the_same_run_key(tmp_path: Path) -> None:
    made = run(Request(experiment(tmp_path)))
    assert made.directory is not None
    before = table(made)
    config = experiment(tmp_path)
    config.runtime.force = True
    with RunDirectory(made.directory).writing():
        said = in_a_process(lambda: run(Request(config)))
    assert f"is being written to by another run (process {os.getpid()})" in said
    assert table(made) == before
    # The first one ended without a manifest: the next attempt makes the run.
    assert table(run(Request(experiment(tmp_path)))) == before


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00+00:00", "2106-02-07T06:28:16+00:00"])
def test_a_clock_that_jumps_while_a_run_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    request = Request(experiment(tmp_path))
    monkeypatch.setattr("pathpatch_runner.runner.record.utc_now", lambda: moment)
    made = run(request)
    assert made.directory is not None
    assert run(Request(experiment(tmp_path))).reused
    (kept,) = kept_runs(tmp_path / "outputs")
    assert (kept.job.state, kept.changed) == ("done", moment)
    assert kept.seconds is not None
    assert kept.seconds >= 0
    # A run of the present code stays, whenever it says that it was made.
    assert surplus_runs([kept], code_digest()) == []


@pytest.mark.parametrize("seconds", [0, 2**32])
def test_files_of_another_time_are_what_they_are(tmp_path: Path, seconds: int) -> None:
    made = run(Request(experiment(tmp_path)))
    for path in (tmp_path / "outputs").rglob("*"):
        os.utime(path, (seconds, seconds))
    assert run(Request(experiment(tmp_path))).reused
    config = experiment(tmp_path)
    config.statistics.n_resamples = 10
    assert made.directory is not None
    known = RunDirectory(run(Request(config)).directory or Path()).load_manifest().known
    assert known is not None
    assert set(known.taken) == {made.directory.name}

"""The list of runs: states, times, sizes; one that is being made is not an interrupted one."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory.runs_there import failed, finished, told
from pathpatch_runner.inventory.kept import kept_runs
from pathpatch_runner.inventory.table import size
from pathpatch_runner.report.jobs import read_jobs
from pathpatch_runner.runs import main
from pathpatch_runner.store.lock import is_locked, locked


def test_every_run_with_its_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = tmp_path / "outputs"
    finished(outputs / "toy" / "0a", "experiment=toy", "seed=2" + 40 * "0", "cluster=slurm")
    told(outputs / "toy" / "0b", "experiment=toy", "seed=3")
    failed(outputs / "other" / "0c", "no such head\nat all \x1b[31m")
    (outputs / ".sweep").mkdir()
    with locked(told(outputs / "toy" / "0d")):
        assert main([str(outputs)]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [" ".join(line.split()[:2]) for line in lines[1:5]] == [
        "other/0c failed",
        "toy/0a done",
        "toy/0b interrupted",
        "toy/0d running",
    ]
    assert lines[1].endswith("no such head")
    assert " 1 min 5 s " in lines[2]
    assert lines[2].endswith(" seed=2" + 40 * "0")
    assert lines[3].endswith(" seed=3")
    assert lines[5].startswith("4 runs: 1 done, 1 failed, 1 interrupted, 1 running; ")


def test_sizes_and_times(tmp_path: Path) -> None:
    directory = told(tmp_path / "toy" / "0b")
    (directory / ".hydra" / "overrides.yaml").write_text("[]")
    (directory / "run.log").write_bytes(b"x" * 998)
    (run,) = kept_runs(tmp_path)
    assert (run.size, run.seconds) == (1000, None)
    # An experiment's directory serves as well as the folder of all.
    assert [each.experiment for each in kept_runs(tmp_path / "toy")] == ["toy"]
    assert [size(count) for count in (0, 999, 1000, 1_449_000, 2 * 10**12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.4 MB",
        "2.0 TB",
    ]


def test_looking_at_a_lock_makes_none(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []
    # A writer that was killed leaves the file, and nobody holds it.
    (tmp_path / ".lock").write_text("1")
    assert not is_locked(tmp_path)


def test_states_need_no_table(tmp_path: Path) -> None:
    directory = finished(tmp_path / "toy" / "0a")
    (directory / "summary.parquet").write_bytes(b"no Parquet")
    assert [job.state for job in read_jobs(tmp_path / "toy", tables=())] == ["done"]
    assert [job.state for job in read_jobs(tmp_path / "toy")] == ["failed"]


@pytest.mark.parametrize("there", [True, False])
def test_no_runs_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    folder = tmp_path if there else tmp_path / "nothing"
    assert main([str(folder)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f'error: "{folder}"')
    assert said.count("\n") == 1

"""Sweeps in several processes, really run: one job was done before, one fails, the others go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.launchers import installed
from cli.own_configs import add_experiment
from pathpatch_runner.report.jobs import read_jobs
from pathpatch_runner.store import RunDirectory
from runs.small import write_pairs

SWEEPS = {
    "joblib": (["cluster=joblib"], 8),
    "submitit_local": (["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"], 3),
}
"""Launcher -> (what the command says, number of jobs). submitit starts a process for each."""


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line, where no launcher takes more than one core for a job."""
    return subprocess.run(
        [sys.executable, "-m", "pathpatch_runner", "--config-dir", "mine", *words],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def made(folder: Path) -> dict[str, int]:
    """Run key -> when its manifest was written."""
    manifests = (folder / "outputs" / "my").glob("*/manifest.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in manifests}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", SWEEPS)
def test_a_sweep_in_several_processes(tmp_path: Path, launcher: str) -> None:
    if launcher not in installed():
        pytest.skip(f"the plug-in of {launcher} is not installed")
    words, count = SWEEPS[launcher]
    add_experiment(tmp_path / "mine", "my")
    files = [write_pairs(tmp_path / f"{n}.jsonl", n_pairs=3 + n) for n in range(count)]
    files[1].write_text("{")
    assert command(tmp_path, "experiment=my", f"dataset.path={files[0]}").returncode == 0
    (before,) = made(tmp_path).items()
    swept = [
        "-m",
        *words,
        "experiment=my",
        f"dataset.path={','.join(map(str, files))}",
    ]
    first = command(tmp_path, *swept)
    assert first.returncode == 1
    assert "1.jsonl:1: not JSON" in first.stderr
    assert "Traceback" not in first.stderr
    there = made(tmp_path)
    assert len(there) == count - 1
    assert before in there.items()
    jobs = read_jobs(tmp_path / "outputs" / "my", tables=())
    assert [job.state for job in jobs] == ["done"] * (count - 1)
    assert all(RunDirectory(job.directory).is_complete for job in jobs)
    # The same command again makes what is missing and nothing else.
    write_pairs(files[1], n_pairs=20)
    again = command(tmp_path, *swept)
    assert (again.returncode, again.stderr.count("error")) == (0, 0)
    assert len(made(tmp_path)) == count
    assert there.items() <= made(tmp_path).items()

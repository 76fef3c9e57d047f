"""Sweeps in several processes, really run: of eight jobs one was done before and one fails.

The others go on, and the same command in one process makes what is missing and nothing else.
`make sweeps` runs these on joblib and submitit, `make ray` on Ray, in an environment of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import pathpatch_runner as pp
from cli.launchers import installed
from cli.own_configs import add_experiment
from pathpatch_runner.report.jobs import read_jobs
from pathpatch_runner.store import RunDirectory
from runs.small import write_pairs

N_JOBS = 8
LAUNCHERS = {
    "joblib": ["cluster=joblib"],
    "submitit_local": ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=10"],
    "ray": [
        "cluster=ray",
        "hydra.launcher.ray.init.num_cpus=2",
        "+hydra.launcher.ray.init.include_dashboard=false",
    ],
}
ENVIRONMENT = {
    # No job takes more than one core.
    "OMP_NUM_THREADS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PATHPATCH_FULL_ERROR": "0",
}


@dataclass(frozen=True)
class Sweep:
    """A sweep over eight datasets, the first of them done, the second no dataset."""

    folder: Path

    @property
    def files(self) -> list[Path]:
        """The datasets."""
        return [self.folder / f"{number}.jsonl" for number in range(N_JOBS)]

    def prepare(self) -> None:
        """Write them, and make the first run, in this process."""
        add_experiment(self.folder / "mine", "my")
        for number, file in enumerate(self.files):
            write_pairs(file, n_pairs=3 + number)
        self.files[1].write_text("{")
        config = pp.compose("my", f"dataset.path={self.files[0]}", config_dir=self.folder / "mine")
        config.runtime.output_root = str(self.folder / "outputs")
        assert not pp.run(config).reused

    def run(self, launcher: list[str]) -> subprocess.CompletedProcess[str]:
        """The command line."""
        swept = ",".join(map(str, self.files))
        words = ["--config-dir", "mine", "-m", *launcher, "experiment=my", f"dataset.path={swept}"]
        return subprocess.run(
            [sys.executable, "-m", "pathpatch_runner", *words],
            cwd=self.folder,
            env=os.environ | ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )

    def made(self) -> dict[str, int]:
        """Run key -> when its manifest was written."""
        manifests = (self.folder / "outputs" / "my").glob("*/manifest.json")
        return {path.parent.name: path.stat().st_mtime_ns for path in manifests}


def check_sweep(folder: Path, launcher: str) -> None:
    """Eight jobs by the launcher, then by none."""
    if launcher not in installed():
        pytest.skip(f"the plug-in of {launcher} is not installed")
    sweep = Sweep(folder)
    sweep.prepare()
    (before,) = sweep.made().items()
    first = sweep.run(LAUNCHERS[launcher])
    said = f"{first.stdout}\n{first.stderr}"
    assert first.returncode == 1, said
    assert "error: a job of the sweep failed: 1.jsonl:1: not JSON" in first.stderr, said
    assert "Traceback" not in first.stderr, said
    there = sweep.made()
    assert before in there.items()
    jobs = read_jobs(folder / "outputs" / "my", tables=())
    assert [job.state for job in jobs] == ["done"] * (N_JOBS - 1), said
    assert all(RunDirectory(job.directory).is_complete for job in jobs)
    write_pairs(sweep.files[1], n_pairs=20)
    again = sweep.run([])
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("was there") == N_JOBS - 1, again.stdout
    after = sweep.made()
    assert len(after) == N_JOBS
    assert there.items() <= after.items()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_a_sweep_in_several_processes(tmp_path: Path, launcher: str) -> None:
    check_sweep(tmp_path, launcher)


@pytest.mark.ray
def test_a_sweep_on_ray(tmp_path: Path) -> None:
    check_sweep(tmp_path, "ray")

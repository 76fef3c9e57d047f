"""Finished runs are logged once, and no tracker fails a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pathpatch_runner.config import ExperimentConfig, PatchConfig, Tracker, TrackingConfig, UnitKind
from pathpatch_runner.inputs import read_files, run_key_of
from pathpatch_runner.model.source import source_of
from pathpatch_runner.runner import Request, run
from pathpatch_runner.store import RunDirectory
from pathpatch_runner.tracking import track
from pathpatch_runner.tracking.logged import Logged, logged_of
from runs.small import experiment

NEEDS_MLFLOW = "MLflow is not installed: make tracking runs this"


def tracked(folder: Path, kind: Tracker, **fields: Any) -> ExperimentConfig:
    config = experiment(folder, patch=PatchConfig(units=[UnitKind.path, UnitKind.hypothesis]))
    config.metrics = ["logit_diff"]
    config.tracking = TrackingConfig(kind=kind, **fields)
    return config


@pytest.fixture(autouse=True)
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathpatch_runner.runner.pipeline.render_report", lambda _: "a page")


def made(config: ExperimentConfig) -> Path:
    outcome = run(Request(config))
    assert outcome.directory is not None
    return outcome.directory


def noted(directory: Path) -> Mapping[str, str]:
    found: Mapping[str, str] = json.loads((directory / "tracking.json").read_text())
    return found


def test_a_run_is_logged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[tuple[Logged, str | None, Path]] = []

    def log_run(run: Logged, config: TrackingConfig, folder: Path) -> str:
        logged.append((run, config.project, folder))
        return f"run {len(logged)}"

    monkeypatch.setattr(track, "_log_of", lambda _: log_run)
    config = tracked(tmp_path, Tracker.mlflow, project="mine")
    directory = made(config)
    made(config)
    assert noted(directory) == {"mlflow": "run 1"}
    config.tracking.kind = Tracker.wandb
    made(config)
    assert noted(directory) == {"mlflow": "run 1", "wandb": "run 2"}
    (one, project, folder), _ = logged
    assert (project, folder) == ("mine", tmp_path / "outputs" / ".tracking")
    assert one.name == f"small {directory.name}"


def test_what_is_logged(tmp_path: Path) -> None:
    directory = RunDirectory(made(tracked(tmp_path, Tracker.none)))
    assert not (directory.path / "tracking.json").exists()
    logged = logged_of(directory)
    assert logged.params["model.dtype"] == "float32"
    assert logged.params["hypotheses.h.paths.direct.expr"] == "input -> a1.h0<v> -> logits"
    assert "tracking.kind" not in logged.params
    assert logged.tags["run_key"] == directory.path.name
    summary = directory.read_table("summary.parquet").to_pylist()
    whole = next(row for row in summary if row["unit"] == "hypothesis")
    assert logged.metrics["h/hypothesis/logit_diff/denoising/effect_mean"] == whole["effect_mean"]
    name = "h/family_s_a0.h0_r_a1.h1_/logit_diff/denoising/effect_mean"
    bound = next(row for row in summary if row["path_id"] == "family[s=a0.h0,r=a1.h1]")
    assert logged.metrics[name] == bound["effect_mean"]
    assert next(iter(logged.metrics)).startswith("h/hypothesis/")
    names = [file.name for file in logged.files]
    assert names == ["summary.parquet", "report.html", "plan.txt", "manifest.json"]


def test_a_tracker_that_fails_fails_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def log_run(*_: Any) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(track, "_log_of", lambda _: log_run)
    directory = RunDirectory(made(tracked(tmp_path, Tracker.wandb)))
    assert directory.is_complete
    assert not (directory.path / "tracking.json").exists()
    assert [record.getMessage() for record in caplog.records if "tracking" in record.message] == [
        "tracking: wandb could not log the run: OSError: no route to host. The run is whole; the "
        "same command logs it"
    ]


def test_a_tracker_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(track.TRACKERS, Tracker.mlflow, "no_such_module_of_ours:log_run")
    assert RunDirectory(made(tracked(tmp_path, Tracker.mlflow))).is_complete
    assert 'pip install "pathpatch-runner[mlflow]"' in caplog.text


def test_tracking_is_no_part_of_the_run_key(tmp_path: Path) -> None:
    keys = set()
    for kind in Tracker:
        config = tracked(tmp_path, kind, uri=f"http://{kind.value}", project=kind.value)
        keys.add(run_key_of(config, read_files(config, source_of(config.model, config.seed))))
    assert len(keys) == 1


def test_mlflow_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason=NEEDS_MLFLOW)
    from mlflow import MlflowClient

    # MLflow 3 keeps runs in folders for those who say that they know of its databases.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "mlruns").as_uri()
    directory = made(tracked(tmp_path, Tracker.mlflow, uri=uri, project="mine"))
    client = MlflowClient(tracking_uri=uri)
    found = client.get_run(noted(directory)["mlflow"])
    assert found.info.status == "FINISHED"
    assert found.info.run_name == f"small {directory.name}"
    experiment_of = client.get_experiment(found.info.experiment_id)
    assert experiment_of.name == "mine"
    expected = logged_of(RunDirectory(directory))
    assert found.data.params == expected.params
    assert found.data.metrics == expected.metrics
    artifacts = {each.path for each in client.list_artifacts(found.info.run_id)}
    assert artifacts == {file.name for file in expected.files}


def test_wandb_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="W&B is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    directory = made(tracked(tmp_path, Tracker.wandb, project="mine"))
    name = noted(directory)["wandb"]
    (kept,) = (tmp_path / "outputs" / ".tracking" / "wandb").glob(f"offline-run-*-{name}")
    (record,) = kept.glob("*.wandb")
    text = record.read_bytes()
    assert b"h/hypothesis/logit_diff/denoising/effect_mean" in text
    assert directory.name.encode() in text

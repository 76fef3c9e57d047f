"""Whole runs: what they leave, that they are reproducible, resumable and reusable."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pathpatch_runner.config import (
    Backend,
    Direction,
    HypothesisConfig,
    PatchConfig,
    PathConfig,
    UnitKind,
)
from pathpatch_runner.effects import accuracy_of
from pathpatch_runner.errors import ConfigError, HypothesisError, PathPatchError, Problems
from pathpatch_runner.runner import Request, run
from runs.small import experiment, write_pairs

FILES = {
    "effects.parquet",
    "summary.parquet",
    "pairs.parquet",
    "manifest.json",
    "plan.txt",
    "report.html",
    "run.log",
    ".lock",
}


def test_expressions_may_name_positions_of_the_dataset(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl", positions={"S": 2})
    config = experiment(tmp_path)
    config.hypotheses["h"].paths["direct"] = PathConfig(expr="input@S -> a1.h0<v> -> logits@end")
    assert run(Request(config)).directory is not None


def test_a_position_outside_of_prompts_is_said(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl", positions={"S": 2})
    config = experiment(tmp_path)
    config.hypotheses["h"].paths["direct"] = PathConfig(expr="input@S+4 -> a1.h0<v> -> logits")
    directory = run(Request(config)).directory
    assert directory is not None
    said = "position S+4 lies outside 4 of 4 prompts, where it stands for nothing; the first: pair"
    assert said in (directory / "run.log").read_text()


def test_a_run_leaves_everything_and_the_second_is_free(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    first = run(Request(config))
    assert first.directory is not None
    assert not first.reused
    left = {path.name for path in first.directory.iterdir()}
    assert left <= FILES
    assert left >= FILES - {".lock"}
    manifest = json.loads((first.directory / "manifest.json").read_text())
    assert manifest["backend"]["name"] == "delta"
    assert all(guard["passed"] for guard in manifest["guards"])
    assert {guard["name"] for guard in manifest["guards"]} >= {
        "patch nothing = clean",
        "patch everything = corrupt",
        "node outputs sum to the stream",
        "a broken plan is caught",
    }
    assert set(manifest["timings"]) >= {
        "load",
        "baseline",
        "plan",
        "execute",
        "tables",
        "report",
    }
    # Five paths and their union, four pairs of one point, two metrics.
    assert pq.read_table(first.directory / "effects.parquet").num_rows == 6 * 4 * 2
    again = run(Request(config))
    assert again.reused
    assert again.summary == first.summary
    assert again.directory == first.directory


def test_tables_say_what_was_set_whoever_made_the_run(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    first = run(Request(config, overrides={"seed": "0"}))
    again = run(Request(config, overrides={"experiment": "small", "seed": "0"}))
    assert again.reused
    assert first.directory is not None
    for name in ("effects", "summary"):
        table = pq.read_table(first.directory / f"{name}.parquet")
        assert [each for each in table.column_names if each.startswith("set.")] == [
            "set.seed",
            "set.experiment",
        ]
        assert set(table["set.experiment"].to_pylist()) == {"small"}
    assert again.summary is not None
    assert "set.experiment" in again.summary.column_names
    assert run(Request(config)).reused


@pytest.mark.parametrize("backend", [Backend.hooks, Backend.delta])
def test_the_summary_says_how_often_the_model_is_right(tmp_path: Path, backend: Backend) -> None:
    config = experiment(tmp_path, metrics=["logit_diff", "accuracy"])
    config.runtime.backend = backend
    summary = run(Request(config)).summary
    assert summary is not None
    row = next(each for each in summary.to_pylist() if each["metric"] == "accuracy")
    accuracy = accuracy_of(summary)
    assert accuracy is not None
    assert (accuracy.clean, accuracy.corrupt) == (row["clean_mean"], row["corrupt_mean"])


def test_paths_are_counted(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    config.hypotheses = {
        "h": HypothesisConfig(
            paths={
                "one": PathConfig(expr="input -> a0.h0<q> -> logits"),
                "slots": PathConfig(expr="input -> s -> logits", over={"s": "a0.h*"}),
            }
        )
    }
    summary = run(Request(config)).summary
    assert summary is not None
    counted = {row["path_id"]: row["n_paths"] for row in summary.to_pylist()}
    heads = [name for name in counted if name.startswith("slots[")]
    # A head reads through q, k and v; the union has the one path of `one` once.
    assert {counted[name] for name in heads} == {"3"}
    assert counted["one"] == "1"
    assert counted["one+slots"] == str(3 * len(heads))


def test_contrasts_are_checked_before_anything_runs_and_written(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    config.contrasts = {"c": "h - h/direct", "bad": "g - h"}
    with pytest.raises(ConfigError, match=r'^contrasts\.bad: no hypothesis "g"'):
        run(Request(config))
    assert not (tmp_path / "outputs").exists()
    del config.contrasts["bad"]
    directory = run(Request(config)).directory
    assert directory is not None
    rows = pq.read_table(directory / "contrasts.parquet").to_pylist()
    summary = pq.read_table(directory / "summary.parquet").to_pylist()
    for row in rows:
        whole, direct = (
            next(
                each
                for each in summary
                if (each["path_id"], each["metric"]) == (path_id, row["metric"])
            )
            for path_id in ("direct+family", "direct")
        )
        effect = whole["effect_mean"] - direct["effect_mean"]
        explained = whole["proportion_explained"] - direct["proportion_explained"]
        assert row["difference"] == pytest.approx(effect)
        assert row["pe_difference"] == pytest.approx(explained)
    assert len(rows) == len(config.metrics)


def test_both_executors_give_the_same_tables(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    config.patch.directions = [Direction.noising, Direction.denoising]
    values = {}
    for backend in (Backend.hooks, Backend.delta):
        config.runtime.backend = backend
        config.runtime.force = True
        outcome = run(Request(config))
        assert outcome.directory is not None
        values[backend] = pq.read_table(outcome.directory / "effects.parquet")["patched"].to_numpy()
    assert values[Backend.hooks] == pytest.approx(values[Backend.delta], abs=1e-5)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    first = run(Request(config)).directory
    assert first is not None
    tables = {name: (first / name).read_bytes() for name in ("effects.parquet", "summary.parquet")}
    config.runtime.force = True
    run(Request(config))
    for name, bytes_before in tables.items():
        assert (first / name).read_bytes() == bytes_before


def test_patching_every_path_explains_everything(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    config.hypotheses = {"all": HypothesisConfig(paths={"all": PathConfig(expr="input => logits")})}
    config.patch = PatchConfig(directions=[Direction.denoising], units=[UnitKind.path])
    directory = run(Request(config)).directory
    assert directory is not None
    for row in pq.read_table(directory / "summary.parquet").to_pylist():
        assert row["proportion_explained"] == pytest.approx(1, abs=1e-6)
        assert row["normalised_effect"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("source", ["noise", "mean", "zero"])
def test_other_sources_agree_between_executors(tmp_path: Path, source: str) -> None:
    config = experiment(tmp_path)
    config.hypotheses = {
        "h": HypothesisConfig(
            paths={
                "q": PathConfig(expr="a0.h0 -> a1.h1<q> -> logits"),
                "all": PathConfig(expr="a0.h1 => logits"),
            }
        )
    }
    config.patch = PatchConfig(
        directions=[Direction.noising], units=[UnitKind.path], source=source, noise_draws=2
    )
    values = []
    for backend in (Backend.hooks, Backend.delta):
        config.runtime.backend = backend
        config.runtime.force = True
        directory = run(Request(config)).directory
        assert directory is not None
        table = pq.read_table(directory / "effects.parquet")
        values.append(table["patched"].to_numpy())
    assert values[0] == pytest.approx(values[1], abs=1e-5)
    assert max(abs(table["effect"].to_numpy())) > 1e-4


def test_a_dry_run_leaves_nothing_and_loads_no_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr("pathpatch_runner.model.load.load_model", refuse)
    config = experiment(tmp_path)
    config.runtime.dry_run = True
    outcome = run(Request(config))
    assert outcome.directory is None
    assert outcome.summary is None
    assert not (tmp_path / "outputs").exists()
    assert "node evaluations" in outcome.plan
    assert capsys.readouterr() == ("", "")


def test_nothing_is_left_by_a_mistake(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    config.hypotheses["h"].paths["bad"] = PathConfig(expr="a7.h0 -> logits")
    config.metrics = ["los"]
    with pytest.raises(Problems, match="2 problems") as caught:
        run(Request(config))
    assert 'unknown metric "los". Did you mean "loss"?' in str(caught.value)
    assert "hypotheses.h.paths.bad.expr" in str(caught.value)
    assert not (tmp_path / "outputs").exists()


def test_mean_ablation_needs_senders_and_noising(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    config.patch.source = "mean"
    with pytest.raises(PathPatchError, match=r"patch.directions must be \[noising\]"):
        run(Request(config))
    config.patch.directions = [Direction.noising]
    with pytest.raises(HypothesisError, match="a path must start at a sender"):
        run(Request(config))


def test_settings_out_of_range_are_reported_together(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    config.patch.units = []
    config.statistics.confidence = 1.5
    config.runtime.memory_gb = -1
    config.runtime.threads = 0
    with pytest.raises(Problems) as caught:
        run(Request(config))
    assert [str(problem) for problem in caught.value.problems] == [
        "runtime.memory_gb: -1 is neither auto nor a number of GiB above 0",
        "runtime.threads: 0 is too small, 1 is the least",
        "statistics.confidence: 1.5 is not in (0, 1)",
        "patch.units: none named. Allowed: path, hypothesis, cumulative, leave_one_out, coalitions",
    ]


KILLED = """
import sys, os, signal
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import pathpatch_runner.runner.pipeline as runner
from pathpatch_runner.runner import Request, run
from runs.small import experiment
def slow(*arguments):
    print("executing", flush=True)
    signal.pause()
runner.run_tables = slow
run(Request(experiment(Path(sys.argv[1]))))
"""


@pytest.mark.slow
def test_a_killed_run_is_finished_by_running_it_again(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl")
    tests = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), tests], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "executing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (directory,) = (tmp_path / "outputs" / "small").iterdir()
    assert not (directory / "manifest.json").exists()
    outcome = run(Request(experiment(tmp_path)))
    assert outcome.directory == directory
    assert not outcome.reused
    resumed = {name: (directory / name).read_bytes() for name in ("effects.parquet", "plan.txt")}
    other = tmp_path / "other"
    other.mkdir()
    write_pairs(other / "pairs.jsonl")
    elsewhere = run(Request(experiment(other))).directory
    assert elsewhere is not None
    assert elsewhere.name == directory.name
    for name, text in resumed.items():
        assert (elsewhere / name).read_bytes() == text


def test_a_failed_run_says_why_and_is_not_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr("pathpatch_runner.runner.pipeline.run_tables", fail)
    with pytest.raises(RuntimeError, match="on fire"):
        run(Request(experiment(tmp_path)))
    (directory,) = (tmp_path / "outputs" / "small").iterdir()
    assert json.loads((directory / "failure.json").read_text())["message"] == "the disk is on fire"
    assert not (directory / "manifest.json").exists()


def test_a_page_that_cannot_be_made_costs_no_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(view: object) -> str:
        del view
        raise ZeroDivisionError("in the page")

    monkeypatch.setattr("pathpatch_runner.runner.pipeline.render_report", fail)
    directory = run(Request(experiment(tmp_path))).directory
    assert directory is not None
    assert (directory / "manifest.json").is_file()
    assert not (directory / "report.html").exists()
    assert "ZeroDivisionError: in the page" in (directory / "run.log").read_text()

"""Runs that take what is known: as much as is the same, and nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pathpatch_runner.config import (
    Backend,
    Direction,
    Dtype,
    ExperimentConfig,
    HypothesisConfig,
    PathConfig,
    UnitKind,
)
from pathpatch_runner.execute.delta.executor import DeltaOnBatch
from pathpatch_runner.runner import Request, RunOutcome, run
from pathpatch_runner.store.known import FOLDER, KnownUnits
from runs.small import experiment, write_pairs

N_UNITS, N_PAIRS = 6, 4
"""Of the small experiment: a path, a family of four, their union."""


@pytest.fixture(autouse=True)
def _no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages take longer than everything else here together."""
    monkeypatch.setattr("pathpatch_runner.runner.pipeline.render_report", lambda _: "a page")


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chunk has one unit."""
    monkeypatch.setattr(DeltaOnBatch, "room", 1)


class Evaluated:
    """How many units were evaluated in each chunk, as they are kept. Raises after `most`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int = 1000) -> None:
        self.chunks: list[int] = []
        keep = KnownUnits.keep

        def watched(known: KnownUnits, units: np.ndarray, *what: Any) -> None:
            if len(self.chunks) == most:
                raise Interrupted
            self.chunks.append(len(units))
            keep(known, units, *what)

        monkeypatch.setattr(KnownUnits, "keep", watched)

    @property
    def units(self) -> int:
        return sum(self.chunks)


class Interrupted(Exception):
    """In place of a kill."""


def known_of(outcome: RunOutcome) -> dict[str, Any]:
    assert outcome.directory is not None
    found: dict[str, Any] = json.loads((outcome.directory / "manifest.json").read_text())["known"]
    return found


def patched(outcome: RunOutcome) -> dict[tuple[str, ...], float]:
    assert outcome.directory is not None
    rows = pq.read_table(outcome.directory / "effects.parquet").to_pylist()
    keys = ("unit", "path_id", "pair_id", "metric", "direction")
    return {tuple(str(row[key]) for key in keys): row["patched"] for row in rows}


def test_adding_a_path_costs_one_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = experiment(tmp_path)
    config.patch.units = [UnitKind.path]
    first = run(Request(config))
    config.hypotheses["h"].paths["more"] = PathConfig(expr="input -> a1.h1<v> -> logits")
    evaluated = Evaluated(monkeypatch)
    second = run(Request(config))
    assert evaluated.units == 1
    assert first.directory is not None
    known = known_of(second)
    assert known["evaluations"] == N_UNITS * N_PAIRS
    assert known["taken"] == {first.directory.name: (N_UNITS - 1) * N_PAIRS}
    assert "can differ in the last bits" in known["note"]
    before, after = patched(first), patched(second)
    assert {key: after[key] for key in before} == before
    monkeypatch.undo()
    config.runtime.output_root = str(tmp_path / "elsewhere")
    assert after == pytest.approx(patched(run(Request(config))), abs=1e-5)


def test_another_name_is_no_other_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(Request(experiment(tmp_path)))
    config = experiment(tmp_path, experiment="renamed")
    config.hypotheses = {
        "k": HypothesisConfig(paths={"p": PathConfig(expr="input -> a1.h0<v> -> logits")})
    }
    evaluated = Evaluated(monkeypatch)
    taken = known_of(run(Request(config)))["taken"]
    assert evaluated.units == 0
    # The path, and the hypothesis that it is alone.
    assert sum(taken.values()) == 2 * N_PAIRS


def other_seed(config: ExperimentConfig) -> None:
    config.seed = 1


def other_dtype(config: ExperimentConfig) -> None:
    config.model.dtype = Dtype.float64


def other_metric(config: ExperimentConfig) -> None:
    config.metrics = ["logprob"]


def other_direction(config: ExperimentConfig) -> None:
    config.patch.directions = [Direction.noising]


def other_source(config: ExperimentConfig) -> None:
    config.patch.source = "noise"


def other_executor(config: ExperimentConfig) -> None:
    # Not in the run key: a forced run of the same key takes nothing either way.
    config.runtime.backend = Backend.hooks
    config.statistics.n_resamples = 10


def other_weights(config: ExperimentConfig) -> None:
    config.model.config["d_mlp"] = 8  # type: ignore[attr-defined]
    config.model.config["attn_only"] = False  # type: ignore[attr-defined]


def other_data(config: ExperimentConfig) -> None:
    write_pairs(Path(config.dataset.path), positions={"S": 1})  # type: ignore[attr-defined]


def not_to_be_used(config: ExperimentConfig) -> None:
    config.runtime.reuse = False
    config.runtime.force = True


def by_force(config: ExperimentConfig) -> None:
    config.runtime.force = True


@pytest.mark.parametrize(
    "change",
    [
        other_seed,
        other_dtype,
        other_metric,
        other_direction,
        other_source,
        other_executor,
        other_weights,
        other_data,
        by_force,
        not_to_be_used,
    ],
)
def test_nothing_is_taken_of_another(
    tmp_path: Path, change: Callable[[ExperimentConfig], None]
) -> None:
    run(Request(experiment(tmp_path)))
    config = experiment(tmp_path)
    change(config)
    known = known_of(run(Request(config)))
    assert not known if change is not_to_be_used else known["taken"] == {}


def test_nothing_is_taken_of_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(Request(experiment(tmp_path)))
    monkeypatch.setattr("pathpatch_runner.store.digests.code_digest", lambda: "other code")
    assert known_of(run(Request(experiment(tmp_path))))["taken"] == {}


def test_other_statistics_of_the_same_values_compute_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(Request(experiment(tmp_path)))
    config = experiment(tmp_path)
    config.statistics.n_resamples = 10
    evaluated = Evaluated(monkeypatch)
    again = run(Request(config))
    assert evaluated.units == 0
    assert patched(again) == patched(first)


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("after", [0, 1, 7])
def test_a_run_that_was_cut_off_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    write_pairs(tmp_path / "pairs.jsonl")
    config = experiment(tmp_path)
    config.patch.directions = list(Direction)
    config.runtime.output_root = str(tmp_path / "whole")
    with monkeypatch.context() as patch:
        everything = Evaluated(patch)
        whole = run(Request(config))
    assert everything.chunks == [1] * N_UNITS * len(Direction)
    config.runtime.output_root = str(tmp_path / "cut")
    with monkeypatch.context() as patch:
        Evaluated(patch, after)
        with pytest.raises(Interrupted):
            run(Request(config))
    assert len(list((tmp_path / "cut" / FOLDER).glob("*/*.part"))) == after
    with monkeypatch.context() as patch:
        rest = Evaluated(patch)
        resumed = run(Request(config))
    assert len(rest.chunks) == len(everything.chunks) - after
    assert whole.directory is not None
    assert resumed.directory is not None
    for name in ("effects.parquet", "summary.parquet"):
        assert (resumed.directory / name).read_bytes() == (whole.directory / name).read_bytes()
    # Complete, it has a file for each direction.
    assert len(list((tmp_path / "cut" / FOLDER).glob("*/*.part"))) == len(list(Direction))


def test_with_other_chunks_it_goes_on_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(DeltaOnBatch, "room", 1)
        Evaluated(patch, 2)
        with pytest.raises(Interrupted):
            run(Request(experiment(tmp_path)))
    rest = Evaluated(monkeypatch)
    run(Request(experiment(tmp_path)))
    assert rest.chunks == [N_UNITS - 2]


def test_a_damaged_part_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = run(Request(experiment(tmp_path)))
    (part,) = (tmp_path / "outputs" / FOLDER).glob("*/*.part")
    part.write_bytes(part.read_bytes()[:-1])
    config = experiment(tmp_path)
    config.statistics.n_resamples = 10
    evaluated = Evaluated(monkeypatch)
    monkeypatch.setattr(logging.getLogger("pathpatch_runner"), "handlers", [caplog.handler])
    again = run(Request(config))
    assert "is ignored: it is not as long as it says. Its values are computed again" in caplog.text
    assert evaluated.units == N_UNITS
    assert patched(again) == patched(first)


@pytest.mark.parametrize("part", ["scores", "controls"])
def test_scores_and_controls_are_kept_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    from pathpatch_runner.config import ScoreMethod

    config = experiment(tmp_path)
    if part == "scores":
        config.scores.methods = [ScoreMethod.exact]
    else:
        config.hypotheses["h"].paths = {"p": PathConfig(expr="input -> a1.h0<v> -> logits")}
        config.patch.controls = 1
    run(Request(config))
    config.statistics.n_resamples = 10
    evaluated = Evaluated(monkeypatch)
    known = known_of(run(Request(config)))
    assert evaluated.units == 0
    assert sum(known["taken"].values()) == known["evaluations"]


def test_nothing_is_kept_in_memory_or_of_own_metrics(tmp_path: Path) -> None:
    import pathpatch_runner as pp
    from pathpatch_runner.metric import metric_named

    config = experiment(tmp_path)
    own = Request(config, metrics=(metric_named("loss"),))
    run(own)
    assert not (tmp_path / "outputs" / FOLDER).exists()
    held = pp.patch(config.model, config.dataset, {"p": "input -> a1.h0<v> -> logits"})
    assert held.manifest.known is None

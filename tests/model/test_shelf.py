"""Jobs of one process share a loaded model, and one that is not shared is given back."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from pathpatch_runner.config import Dtype, ExperimentConfig, PatchConfig, StatisticsConfig, UnitKind
from pathpatch_runner.dataset.jsonl import JsonlDatasetConfig
from pathpatch_runner.model import load
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.shelf import ModelShelf
from pathpatch_runner.runner import Request, run
from pathpatch_runner.store import RunDirectory
from runs.small import SHAPE, experiment, write_pairs


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Any]]:
    """Every bridge that was loaded, for as long as somebody holds it; and no pages."""
    bridges: list[weakref.ref[Any]] = []
    own = load._own

    def counted(*arguments: Any) -> Any:
        # What was loaded before must be gone before there is a second one.
        assert not any(bridge() for bridge in bridges)
        bridge = own(*arguments)
        bridges.append(weakref.ref(bridge))
        return bridge

    monkeypatch.setattr(load, "_own", counted)
    monkeypatch.setattr("pathpatch_runner.runner.pipeline.render_report", lambda _: "a page")
    return bridges


def small(folder: Path, **changes: Any) -> ExperimentConfig:
    few = StatisticsConfig(n_resamples=50, n_permutations=50)
    return experiment(
        folder, **{"patch": PatchConfig(units=[UnitKind.path]), "statistics": few, **changes}
    )


def test_jobs_that_ask_something_else_of_one_model(
    tmp_path: Path, loaded: list[weakref.ref[Any]]
) -> None:
    other = JsonlDatasetConfig(path=str(write_pairs(tmp_path / "other.jsonl", n_pairs=3)))
    questions: list[dict[str, Any]] = [{}, {"metrics": ["prob"]}, {"dataset": other}]
    shelf = ModelShelf()
    for changes in questions:
        outcome = run(Request(small(tmp_path, **changes), models=shelf))
        assert not outcome.reused
    assert len(loaded) == 1
    assert loaded[0]() is not None
    shelf.clear()
    assert loaded[0]() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"model": NativeModelConfig(config=dict(SHAPE), dtype=Dtype.float64)},
        {"model": NativeModelConfig(config={**SHAPE, "n_layers": 3})},
        {"seed": 1},  # the weights are drawn from it
    ],
)
def test_another_model_takes_the_place_of_the_first(
    tmp_path: Path, loaded: list[weakref.ref[Any]], changes: dict[str, Any]
) -> None:
    shelf = ModelShelf()
    for each in ({}, changes):
        run(Request(small(tmp_path, **each), models=shelf))
    assert len(loaded) == 2
    assert loaded[0]() is None


def test_a_model_is_loaded_again_to_be_proven_again(
    tmp_path: Path, loaded: list[weakref.ref[Any]]
) -> None:
    config, shelf = small(tmp_path), ModelShelf()
    run(Request(config, models=shelf))
    config.runtime.force = config.runtime.prove_again = True
    run(Request(config, models=shelf))
    assert len(loaded) == 2


def test_a_run_by_itself_keeps_nothing(tmp_path: Path, loaded: list[weakref.ref[Any]]) -> None:
    run(Request(small(tmp_path)))
    gc.collect()
    assert len(loaded) == 1
    assert loaded[0]() is None


def test_passes_of_a_shared_model_are_counted_for_each_job(tmp_path: Path) -> None:
    shelf, counts = ModelShelf(), []
    for metric in ("prob", "logprob"):
        config = small(tmp_path, metrics=[metric])
        outcome = run(Request(config, models=shelf))
        assert outcome.directory is not None
        counts.append(_passes(outcome.directory))
    assert counts[0] == counts[1] | {"probe": 4, "proof": counts[0]["proof"]}


def _passes(directory: Path) -> dict[str, int]:
    return dict(RunDirectory(directory).load_manifest().counts.forward_passes)

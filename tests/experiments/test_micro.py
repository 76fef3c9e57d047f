"""The micro models: weights as the script states them, values as computed by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from safetensors.torch import load_file

from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.config import Backend, Direction, ExperimentConfig, RuntimeConfig, UnitKind
from pathpatch_runner.dataset.jsonl import JsonlDatasetConfig
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.runner import Request, run

REPOSITORY = Path(__file__).parents[2]
MICRO = REPOSITORY / "experiments" / "micro"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_weights", MICRO / "make_weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["linear", "gates"])
def test_the_files_hold_what_the_script_states(name: str) -> None:
    stated, held = getattr(script(), name)(), load_file(MICRO / f"{name}.safetensors")
    assert stated.keys() == held.keys()
    assert all(torch.equal(stated[tensor], held[tensor]) for tensor in stated)


def config_of(name: str, outputs: Path, backend: Backend) -> ExperimentConfig:
    """The experiment that ships, its files found from the repository."""
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config = OmegaConf.to_object(compose("config", overrides=[f"experiment={name}"]))
    assert isinstance(config, ExperimentConfig)
    assert isinstance(config.model, NativeModelConfig)
    assert isinstance(config.dataset, JsonlDatasetConfig)
    assert config.model.weights is not None
    config.model.config = str(MICRO / Path(config.model.config).name)
    config.model.weights = str(MICRO / Path(config.model.weights).name)
    config.dataset.path = str(MICRO / Path(config.dataset.path).name)
    config.runtime = RuntimeConfig(
        output_root=str(outputs), backend=backend, progress=False, device="cpu"
    )
    return config


def values(
    name: str, outputs: Path, backend: Backend, column: str
) -> dict[tuple[str, str, str], list[float]]:
    """Column of effects.parquet in order of pairs, by (direction, hypothesis, path_id)."""
    directory = run(Request(config_of(name, outputs, backend))).directory
    assert directory is not None
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in pq.read_table(directory / "effects.parquet").to_pylist():
        if row["unit"] in ("cumulative", "hypothesis"):
            key = (row["direction"], row["hypothesis"], row["path_id"])
            found.setdefault(key, [])
            if len(found[key]) < 2:
                found[key].append(row[column])
    return found


@pytest.mark.parametrize("backend", [Backend.hooks, Backend.delta])
def test_path_by_path(tmp_path: Path, backend: Backend) -> None:
    found = values("micro", tmp_path, backend, "patched")
    growing = [
        found["denoising", "growing", name]
        for name in ("skip", "skip+deep", "skip+deep+rest_of_h0")
    ]
    assert growing == [[-19.0, -41.0], [-13.0, -25.0], [-9.0, -13.0]]
    assert found["noising", "growing", "skip+deep"] == [13.0, 25.0]
    assert found["denoising", "everything", "all"] == [25.0, 49.0]


@pytest.mark.parametrize("backend", [Backend.hooks, Backend.delta])
def test_two_hypotheses_that_share_no_head_explain_all_of_an_or_gate(
    tmp_path: Path, backend: Backend
) -> None:
    found = values("micro_or", tmp_path, backend, "patched")
    sufficient = {key[1]: value for key, value in found.items() if key[0] == "denoising"}
    assert sufficient == {"left": [1.0], "right": [1.0], "both": [1.0], "outsider": [0.0]}
    needed = {key[1]: value for key, value in found.items() if key[0] == "noising"}
    assert needed == {"left": [1.0], "right": [1.0], "both": [0.0], "outsider": [1.0]}


@pytest.mark.parametrize("backend", [Backend.hooks, Backend.delta])
def test_any_two_heads_explain_all_of_a_majority(tmp_path: Path, backend: Backend) -> None:
    found = values("micro_majority", tmp_path, backend, "patched")
    sufficient = {key[1]: value for key, value in found.items() if key[0] == "denoising"}
    assert sufficient == {"one": [0.0], "two": [1.0], "other_two": [1.0], "three": [1.0]}
    needed = {key[1]: value for key, value in found.items() if key[0] == "noising"}
    assert needed == {"one": [1.0], "two": [0.0], "other_two": [0.0], "three": [0.0]}


def shapley(config: ExperimentConfig) -> dict[tuple[str, str | None], dict[str, float]]:
    """Rows of denoising by (entry, other)."""
    config.patch.directions = [Direction.denoising]
    config.patch.units = [UnitKind.coalitions]
    directory = run(Request(config)).directory
    assert directory is not None
    rows = pq.read_table(directory / "shapley.parquet").to_pylist()
    return {(row["entry"], row["other"]): row for row in rows}


def test_shapley_values_of_a_linear_model_are_what_each_path_adds(tmp_path: Path) -> None:
    config = config_of("micro", tmp_path, Backend.delta)
    del config.hypotheses["everything"]
    found = shapley(config)
    # nothing -25 -49, then -19 -41, -13 -25, -9 -13: means of 6 8, of 6 16, of 4 12.
    for entry, adds in (("skip", 7.0), ("deep", 11.0), ("rest_of_h0", 8.0)):
        row = found[entry, None]
        assert row["value"] == pytest.approx(adds, abs=1e-12)
        assert (row["alone"], row["adds_to_rest"]) == (adds, adds)
    interactions = [row["value"] for (_, other), row in found.items() if other is not None]
    assert interactions == pytest.approx([0.0] * 3, abs=1e-12)


def test_shapley_values_of_an_or_gate(tmp_path: Path) -> None:
    config = config_of("micro_or", tmp_path, Backend.delta)
    config.hypotheses = {"both": config.hypotheses["both"]}
    found = shapley(config)
    assert (found["left", None]["value"], found["right", None]["value"]) == (0.5, 0.5)
    assert found["left", "right"]["value"] == -1.0
    assert (found["left", None]["alone"], found["left", None]["adds_to_rest"]) == (1.0, 0.0)

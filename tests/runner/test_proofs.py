"""What a run costs beside its work, and what is kept of that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from model.written_out import random_weights
from pathpatch_runner.config import Backend, ExperimentConfig
from pathpatch_runner.model.native import NativeModel, NativeModelConfig
from pathpatch_runner.runner import Request, run
from runs.small import SHAPE, experiment, write_pairs


def manifest(config: ExperimentConfig) -> dict[str, Any]:
    """Of a run made anew."""
    config.runtime.force = True
    directory = run(Request(config)).directory
    assert directory is not None
    found: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
    return found


def kept_files(folder: Path) -> list[Path]:
    return sorted((folder / "outputs" / ".proofs").glob("*.json"))


def test_trust_is_paid_for_once(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    first = manifest(config)
    passes = first["counts"]["forward_passes"]
    assert passes["probe"] + passes["proof"] <= 12
    assert (passes["proof"], passes["guards"]) == (4, 3)
    (file,) = kept_files(tmp_path)
    assert first["proof"]["file"] == f".proofs/{file.name}"
    assert first["proof"]["date"] == json.loads(file.read_text())["date"]
    second = manifest(config)
    passes = second["counts"]["forward_passes"]
    assert "probe" not in passes
    assert "proof" not in passes
    assert passes["guards"] <= 4
    assert second["proof"] == first["proof"]
    # The checks of the proof are still in the record.
    assert second["guards"] == first["guards"]
    assert second["backend"] == first["backend"]


def test_prove_again(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    manifest(config)
    config.runtime.prove_again = True
    passes = manifest(config)["counts"]["forward_passes"]
    assert passes["proof"] == 4
    assert passes["probe"] > 0
    assert len(kept_files(tmp_path)) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"about": 3}', "\x00"])
def test_a_file_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    config = experiment(tmp_path)
    manifest(config)
    (file,) = kept_files(tmp_path)
    whole = file.read_text()
    file.write_text(text)
    assert manifest(config)["counts"]["forward_passes"]["proof"] == 4
    assert json.loads(file.read_text())["about"] == json.loads(whole)["about"]


def test_another_model_code_or_length_is_proved_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = experiment(tmp_path)
    manifest(config)
    config.model = NativeModelConfig(config={**SHAPE, "n_heads": 4, "d_head": 4})
    manifest(config)
    assert len(kept_files(tmp_path)) == 2
    monkeypatch.setattr("pathpatch_runner.runner.checked.code_digest", lambda: "other")
    assert manifest(config)["counts"]["forward_passes"]["proof"] == 4
    assert len(kept_files(tmp_path)) == 3
    # Twelve tokens are sixteen in powers of two, six are eight.
    longer = experiment(tmp_path)
    write_pairs(tmp_path / "pairs.jsonl", clean=[1] * 12, corrupt=[2] * 12)
    assert manifest(longer)["counts"]["forward_passes"]["proof"] == 4
    assert len(kept_files(tmp_path)) == 4


def test_weights_drawn_from_another_seed_are_another_model(tmp_path: Path) -> None:
    drawn = experiment(tmp_path)
    manifest(drawn)
    drawn.seed = 1
    assert manifest(drawn)["counts"]["forward_passes"]["proof"] == 4
    assert len(kept_files(tmp_path)) == 2


def test_weights_of_a_file_are_the_same_under_any_seed(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    save_file(random_weights(), file)
    model = NativeModelConfig(config=dict(SHAPE), weights=str(file))
    config = experiment(tmp_path, model=model)
    manifest(config)
    config.seed = 1
    assert "proof" not in manifest(config)["counts"]["forward_passes"]


def test_a_model_that_only_loading_can_tell_is_probed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NativeModel, "shape", None)
    config = experiment(tmp_path)
    passes = manifest(config)["counts"]["forward_passes"]
    assert (passes["probe"], passes["proof"]) == (4, 4)
    passes = manifest(config)["counts"]["forward_passes"]
    assert "probe" not in passes
    assert "proof" not in passes
    # Longer prompts need a proof of their own, and no probe.
    write_pairs(tmp_path / "pairs.jsonl", clean=[1] * 12, corrupt=[2] * 12)
    passes = manifest(experiment(tmp_path))["counts"]["forward_passes"]
    assert passes["proof"] == 4
    assert "probe" not in passes


def test_hooks_need_no_proof_and_leave_room_for_one(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    config.runtime.backend = Backend.hooks
    assert "proof" not in manifest(config)["counts"]["forward_passes"]
    config.runtime.backend = Backend.delta
    passes = manifest(config)["counts"]["forward_passes"]
    assert passes["proof"] == 4
    assert "probe" not in passes
    assert "proof" not in manifest(config)["counts"]["forward_passes"]


def test_a_folder_that_cannot_be_written_to_is_no_reason_to_fail(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / ".proofs").write_text("a file")
    found = manifest(config)
    assert found["backend"]["name"] == "delta"
    log = next((tmp_path / "outputs" / "small").glob("*/run.log")).read_text()
    assert "could not be kept" in log


def test_a_passing_failure_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pathpatch_runner.execute.delta.proof as proof

    def no_memory(*_: object) -> None:
        raise RuntimeError("can't allocate memory")

    config = experiment(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(proof, "_plain_checks", no_memory)
        assert manifest(config)["backend"]["name"] == "hooks"
    assert manifest(config)["backend"]["name"] == "delta"

"""What makes the run key: contents of files, code, settings; never where files lie."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pathpatch_runner.config import ExperimentConfig, named_files, to_plain
from pathpatch_runner.errors import ConfigError
from pathpatch_runner.inputs import Files, check_settings, read_files, run_key_of
from pathpatch_runner.model.source import source_of
from pathpatch_runner.store import digests, identity_of
from runs.small import experiment, write_pairs


def read(config: ExperimentConfig) -> Files:
    return read_files(config, source_of(config.model, config.seed))


def key(config: ExperimentConfig) -> str:
    found = run_key_of(config, read(config))
    assert found is not None
    return found


def test_the_key_follows_contents_and_not_places(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    before = key(config)
    moved = tmp_path / "moved" / "pairs.jsonl"
    moved.parent.mkdir()
    shutil.copy(tmp_path / "pairs.jsonl", moved)
    config.dataset.path = str(moved)  # type: ignore[attr-defined]  # of this kind
    config.description = "the same, said better"
    config.runtime.threads = 1
    assert key(config) == before
    write_pairs(moved, answer=5)
    assert key(config) != before


def test_other_code_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = experiment(tmp_path)
    before = key(config)
    monkeypatch.setattr(digests, "code_digest", lambda: "0" * 16)
    assert read(config).digests["code"] == "0" * 16
    assert key(config) != before


def test_a_config_that_cannot_be_read_has_no_key(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    (tmp_path / "pairs.jsonl").write_text("not JSON\n")
    files = read(config)
    assert files.pairs is None
    assert "not JSON" in str(files.problems[0])
    assert run_key_of(config, files) is None


def test_files_are_named_by_their_keys(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    assert dict(named_files(config)) == {"dataset.path": str(tmp_path / "pairs.jsonl")}
    plain = identity_of(config)
    assert plain["dataset"]["path"] is None
    assert plain["model"] == to_plain(config.model)
    assert "runtime" not in plain
    assert "description" not in plain


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(tmp_path: Path, value: float) -> None:
    config = experiment(tmp_path)
    config.patch.noise_scale = value
    with pytest.raises(ConfigError) as caught:
        check_settings(config)
    assert str(caught.value) == f"patch.noise_scale: {value} is not a finite number"


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "a\\b"])
def test_an_experiment_names_one_directory(tmp_path: Path, name: str) -> None:
    config = experiment(tmp_path, experiment=name)
    with pytest.raises(ConfigError) as caught:
        check_settings(config)
    assert str(caught.value) == f'experiment: "{name}" cannot name a directory'

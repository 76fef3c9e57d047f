"""The data of an experiment, looked at before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pathpatch_runner.errors import ConfigError, DatasetError
from pathpatch_runner.model import load
from pathpatch_runner.runner.look import look
from runs.small import experiment


def test_the_pairs_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(*_: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(load, "load_model", loaded)
    config = experiment(tmp_path)
    config.runtime.show = "data"
    # What is wrong with the hypotheses does not matter for looking at the data.
    config.hypotheses = {}
    found = look(config)
    assert len(found.pairs.pairs) == 4
    assert found.tokenizer is None


def test_what_is_wrong_with_the_data(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    config.dataset.n_pairs = 99
    with pytest.raises(DatasetError, match=r"dataset\.n_pairs: 99 asked for"):
        look(config)


def test_only_data_can_be_shown(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    config.runtime.show = "dta"
    with pytest.raises(ConfigError) as caught:
        look(config)
    assert str(caught.value) == (
        'runtime.show: "dta" cannot be shown. Did you mean "data"? Allowed: data'
    )

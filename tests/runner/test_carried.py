"""What found paths carry, on a model that is computed by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pathpatch_runner as pp
from pathpatch_runner.config import Backend, ExperimentConfig, RuntimeConfig, SearchConfig
from pathpatch_runner.dataset.jsonl import JsonlDatasetConfig


def config_of(tmp_path: Path) -> ExperimentConfig:
    """AutoCircuit's micro model on sixteen copies of its pair."""
    pairs = tmp_path / "pairs.jsonl"
    pair = {"clean": [0], "corrupt": [1], "answer": 0, "distractor": 2}
    pairs.write_text("".join(json.dumps({"id": f"p{n}", **pair}) + "\n" for n in range(16)))
    config: ExperimentConfig = pp.compose("micro")
    assert isinstance(config.dataset, JsonlDatasetConfig)
    config.dataset.path = str(pairs)
    config.hypotheses = {}
    config.search = SearchConfig(sample=0)
    config.runtime = RuntimeConfig(output_root=str(tmp_path), progress=False, device="cpu")
    return config


def test_tokens_raised_and_lowered_by_hand(tmp_path: Path) -> None:
    """Two layers, each x -> x + [1, 2] x + [3, 4] x; clean x = [1, 1], corrupt [-1, -1]; tokens 0
    and 1 have the two numbers as logits, token 2 has 0. Before the second layer the clean stream is
    [5, 7]. There a1.h0 writes [1, 2] [5, 7] = [5, 14], corrupt the negative: [-10, -28] is the
    change, whose mean over the three tokens is -38/3."""
    rows = {row["path"]: row for row in pp.run(config_of(tmp_path)).table("found").to_pylist()}
    row = rows["a1.h0->logits"]
    assert row["raises"] == ["2", "0"]
    assert row["raises_by"] == pytest.approx([38 / 3, 38 / 3 - 10])
    assert row["lowers"] == ["1"]
    assert row["lowers_by"] == pytest.approx([38 / 3 - 28])
    # a0.h1 writes [3, 4], which a1.h0 makes [3, 8]: changed by [-6, -16], of mean -22/3.
    row = rows["a0.h1->a1.h0<v>->logits"]
    assert dict(zip(row["raises"], row["raises_by"], strict=True)) == pytest.approx(
        {"2": 22 / 3, "0": 22 / 3 - 6}
    )
    assert row["lowers_by"] == pytest.approx([22 / 3 - 16])


def test_what_did_not_pass_carries_nothing(tmp_path: Path) -> None:
    rows = pp.run(config_of(tmp_path)).table("found").to_pylist()
    assert {row["status"] for row in rows if row["raises"] is None} == {"pruned"}
    assert {row["status"] for row in rows if row["raises"] is not None} >= {"complete", "expanded"}


def test_worlds_do_not_say_what_is_carried(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config.runtime.backend = Backend.hooks
    rows = pp.run(config).table("found").to_pylist()
    assert {row["raises"] for row in rows} == {None}

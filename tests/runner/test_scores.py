"""Whole runs that score every edge and choose circuits by the scores, on models of each kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from model.small_models import NATIVE, RANDOM
from pathpatch_runner.config import (
    Backend,
    Direction,
    ExperimentConfig,
    HypothesisConfig,
    ModelConfig,
    PatchConfig,
    PathConfig,
    Scored,
    ScoreMethod,
    ScoresConfig,
    SelectConfig,
    UnitKind,
)
from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.execute import scoring
from pathpatch_runner.execute.delta.proof import Proof
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.runner import Request, run
from reference.eap_graph import load_graph
from runs.small import experiment

MODELS: dict[str, tuple[ModelConfig, int]] = {
    # Two heads: slots of layer 0 read 1 node, its MLP 3, of layer 1 4, its MLP 6, logits 7.
    "gpt2": (RandomModelConfig(architecture="gpt2", config=RANDOM["gpt2"][1]), 46),
    # 6 x 1, 6 x 3, 5.
    "attention only": (NativeModelConfig(config=NATIVE["attention only"]), 29),
    # Four heads: 12 x 1, 5, 12 x 6, 10, 11.
    "llama": (RandomModelConfig(architecture="llama", config=RANDOM["llama"][1]), 110),
    # Parallel: 12 x 1, 1, 12 x 6, 6, 11.
    "gpt_neox": (RandomModelConfig(architecture="gpt_neox", config=RANDOM["gpt_neox"][1]), 102),
}
EVERY = [method.value for method in ScoreMethod]


def scored(folder: Path, methods: list[str], **changes: Any) -> ExperimentConfig:
    """Circuits of three sizes by every method that scores all edges."""
    scores = ScoresConfig(methods=[ScoreMethod(name) for name in methods])
    for name in [each for each in changes if hasattr(scores, each)]:
        setattr(scores, name, changes.pop(name))
    chosen = {
        name: PathConfig(select=SelectConfig(by=name), sizes=[0.01, 0.5, 1])
        for name in methods
        if scores.sample is None or name != "exact"
    }
    paths = chosen if scores.of is Scored.edges else {"all": PathConfig(expr="input => logits")}
    return experiment(
        folder,
        hypotheses={"h": HypothesisConfig(paths=paths)},
        patch=PatchConfig(directions=[Direction.denoising], units=[UnitKind.path]),
        **{"metrics": ["logit_diff"], "scores": scores, **changes},
    )


def finished(config: ExperimentConfig) -> Path:
    directory = run(Request(config)).directory
    assert directory is not None
    return directory


@pytest.mark.parametrize("name", MODELS)
def test_from_scores_to_circuits_and_curves(name: str, tmp_path: Path) -> None:
    model, n_edges = MODELS[name]
    directory = finished(scored(tmp_path, EVERY, model=model))
    table = pq.read_table(directory / "scores.parquet").to_pandas()
    assert list(table["method"].unique()) == EVERY
    assert len(table) == len(EVERY) * n_edges
    assert np.isfinite(table["score"]).all()
    summary = pq.read_table(directory / "summary.parquet").to_pylist()
    by_size = {share: summary[number::3] for number, share in enumerate(("0.01", "0.5", "1"))}
    for row in by_size["1"]:
        assert row["n_edges"] == n_edges
        assert row["effect_mean"] == pytest.approx(row["total_effect"], abs=1e-5)
    assert all(row["n_edges"] <= n_edges // 2 for row in by_size["0.5"])
    small = [row for row in by_size["0.01"] if row["n_edges"] == 0]
    assert n_edges >= 100 or len(small) == len(EVERY)
    assert [(row["n_paths"], row["effect_mean"]) for row in small] == [("0", 0.0)] * len(small)
    plan = (directory / "plan.txt").read_text()
    # Written again with the circuits that the scores chose, the first of them shown.
    assert all(f"h/{row['path_id']} (path, " in plan and row["path"] in plan for row in summary[:2])
    curves = pq.read_table(directory / "curves.parquet").to_pandas()
    assert list(curves["entry"][curves["other"].isna()]) == EVERY
    assert len(curves) == 5 + 10
    assert list(curves["n_edges"][0])[-1] == n_edges


def test_what_the_manifest_says_of_scores(tmp_path: Path) -> None:
    directory = finished(scored(tmp_path, ["eap", "eap_ig_inputs", "random"], steps=3))
    manifest = json.loads((directory / "manifest.json").read_text())
    # Plain runs and one run with gradients; plain runs and three; a draw needs none.
    assert manifest["counts"]["forward_passes"]["scores"] == (1 + 1) + (1 + 3)
    assert {"scores", "plan", "execute"} <= set(manifest["timings"])


def test_the_same_again_is_found(tmp_path: Path) -> None:
    config = scored(tmp_path, ["eap"])
    directory = finished(config)
    before = (directory / "scores.parquet").read_bytes()
    again = run(Request(config))
    assert (again.reused, again.directory) == (True, directory)
    config.scores.steps = 6
    assert run(Request(config)).directory != directory
    config.scores.steps, config.runtime.force = 5, True
    assert not run(Request(config)).reused
    assert (directory / "scores.parquet").read_bytes() == before


@pytest.mark.parametrize("name", ["gpt2", "attention only", "gpt_neox"])
def test_graph_json_of_scores_is_theirs(name: str, tmp_path: Path) -> None:
    model, n_edges = MODELS[name]
    directory = finished(scored(tmp_path, ["eap", "exact"], model=model))
    table = pq.read_table(directory / "scores.parquet").to_pylist()
    for method in ("eap", "exact"):
        data = json.loads((directory / f"scores.{method}.json").read_text())
        graph = load_graph(data)
        assert int(np.isfinite(graph.scores).sum()) == n_edges
        for row in table:
            if row["method"] == method:
                slot = f"<{row['slot']}>" if row["slot"] else ""
                edge = f"{row['sender']}->{row['receiver']}{slot}"
                assert graph.score(edge, data["cfg"]) == row["score"]


def test_scores_of_nodes(tmp_path: Path) -> None:
    directory = finished(scored(tmp_path, ["exact", "eap"], of=Scored.nodes))
    rows = pq.read_table(directory / "scores.parquet").to_pylist()
    assert [row["sender"] for row in rows] == ["input", "a0.h0", "a0.h1", "a1.h0", "a1.h1"] * 2
    assert {(row["receiver"], row["slot"]) for row in rows} == {(None, None)}
    # Everything that `input` writes is every path.
    [summary] = pq.read_table(directory / "summary.parquet").to_pylist()
    assert rows[0]["score"] == pytest.approx(-summary["total_effect"], abs=1e-5)
    assert not list(directory.glob("scores.*.json"))


def test_exact_on_a_sample(tmp_path: Path) -> None:
    whole = finished(scored(tmp_path, ["exact"]))
    some = finished(scored(tmp_path, ["exact", "eap"], sample=7))
    every = pq.read_table(whole / "scores.parquet")["score"].to_numpy()
    sampled = pq.read_table(some / "scores.parquet").to_pandas().query("method == 'exact'")
    kept = sampled["score"].notna().to_numpy()
    assert kept.sum() == 7
    assert sampled["score"].to_numpy()[kept] == pytest.approx(every[kept], abs=1e-6)
    assert sorted(path.name for path in some.glob("scores.*.json")) == ["scores.eap.json"]


@pytest.mark.parametrize(
    ("methods", "changes", "message"),
    [
        (
            ["eap", "eap_ig_inputs"],
            {"metrics": ["accuracy"]},
            r"scores\.metric: accuracy has no gradient, and eap, eap_ig_inputs need one",
        ),
        (["eap"], {"metric": "los"}, r'scores\.metric: "los" is no metric of this run'),
        (["eap"], {"steps": 0}, r"scores\.steps: 0 is too small, 1 is the least"),
        (["eap", "eap"], {}, r"scores\.methods: eap stands there twice"),
        (["eap"], {"sample": 3}, r"scores\.sample: says how many edges are patched for exact"),
        (["exact"], {"sample": 0}, r"scores\.sample: 0 is too small"),
        (["exact"], {"sample": 3, "of": Scored.nodes}, r"scores\.sample: goes with scores\.of"),
        (["random"], {"of": Scored.nodes}, r"scores\.methods: random is for edges"),
    ],
)
def test_refusals(
    methods: list[str], changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    config = scored(tmp_path, methods, **changes)
    if config.scores.sample is not None:
        config.hypotheses = {"h": HypothesisConfig(paths={"all": PathConfig("input => logits")})}
    with pytest.raises(PathPatchError, match=f"^{message}"):
        run(Request(config))


def test_circuits_cannot_be_chosen_by_a_sample(tmp_path: Path) -> None:
    config = scored(tmp_path, ["exact", "eap"], sample=3)
    by = PathConfig(select=SelectConfig(by="exact"), sizes=0.5)
    config.hypotheses = {"h": HypothesisConfig(paths={"c": by})}
    message = r"^hypotheses\.h\.paths\.c\.select\.by: exact scores a sample of edges only"
    with pytest.raises(PathPatchError, match=message):
        run(Request(config))


def test_a_model_that_our_statement_is_not_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused for gradients, with the reason; patched by hooks for `exact`."""
    failed = Proof((), 'check "delta: heads of layer 1" failed: off by 0.5 of 1e-05')
    monkeypatch.setattr(scoring, "prove", lambda _: failed)
    config = scored(tmp_path, ["exact", "eap_ig_inputs"])
    config.runtime.backend = Backend.hooks
    with pytest.raises(PathPatchError) as raised:
        run(Request(config))
    assert str(raised.value) == (
        "scores.methods: eap_ig_inputs cannot be had of this model: our own statement of it, which "
        'gradients go through, does not hold: check "delta: heads of layer 1" failed: off by 0.5 '
        "of 1e-05. Use scores.methods: [exact], which patches the model itself"
    )
    of_hooks = scored(tmp_path, ["exact"])
    of_hooks.runtime.backend = Backend.hooks
    of_delta = scored(tmp_path, ["exact"])
    of_delta.runtime.output_root = str(tmp_path / "delta")
    found, wanted = (
        pq.read_table(finished(each) / "scores.parquet")["score"].to_numpy()
        for each in (of_hooks, of_delta)
    )
    assert found == pytest.approx(wanted, abs=1e-5)

"""Asking about a model in memory: the same numbers as a config gives, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge

import pathpatch_runner as pp
from runs.small import SHAPE, experiment, write_pairs

FAMILY = {"edges": "s -> r<q> => logits"}
OVER = {"s": "a0.h*", "r": "a1.h*"}


@pytest.fixture
def bridge() -> Any:
    """Random weights."""
    torch.manual_seed(0)
    return TransformerBridge.boot_native(TransformerBridgeConfig(**SHAPE))


@pytest.fixture
def pairs(tmp_path: Path) -> list[dict[str, Any]]:
    """Four of them, as a JSONL file has them."""
    lines = write_pairs(tmp_path / "pairs.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_family_by_hand(
    bridge: Any,
    pairs: list[dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    run = pp.patch(bridge, pairs, FAMILY, over=OVER, units=["path"], directions=["noising"])
    assert sorted(run.summary["over.s"]) == ["a0.h0", "a0.h0", "a0.h1", "a0.h1"]
    assert list(run.summary["metric"]) == ["logit_diff"] * 4
    assert len(run.effects) == 4 * 4
    assert run.path is None
    assert "node evaluations" in run.plan
    assert all(guard.passed for guard in run.manifest.guards)
    assert set(tmp_path.rglob("*")) == before
    assert capsys.readouterr() == ("", "")


def test_the_numbers_are_those_of_the_config(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    ran = pp.run(config)
    torch.manual_seed(config.seed)
    bridge = TransformerBridge.boot_native(TransformerBridgeConfig(**SHAPE))
    lines = (tmp_path / "pairs.jsonl").read_text().splitlines()
    patched = pp.patch(
        bridge,
        [json.loads(line) for line in lines],
        config.hypotheses,
        metrics=["loss", "logit_diff"],
    )
    assert list(patched.summary["path_id"]) == list(ran.summary["path_id"])
    for column in ("patched_mean", "effect_mean", "proportion_explained"):
        assert list(patched.summary[column]) == pytest.approx(list(ran.summary[column]))


def test_hooks_mode_and_gradients_are_left_as_they_were(
    bridge: Any, pairs: list[dict[str, Any]]
) -> None:
    seen: list[int] = []

    def mine(values: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        seen.append(1)
        return values

    bridge.train()
    bridge.add_hook("blocks.0.attn.hook_z", mine)
    pp.patch(bridge, pairs, {"h": "a0.h0 -> logits"})
    assert bridge.training
    assert all(parameter.requires_grad for parameter in bridge.parameters())
    seen.clear()
    bridge(torch.tensor([pairs[0]["clean"]]))
    assert seen == [1]


def test_an_own_metric(bridge: Any, pairs: list[dict[str, Any]]) -> None:
    def largest(logits: torch.Tensor, targets: pp.Targets) -> torch.Tensor:
        del targets
        return logits.double().max(-1).values

    own = pp.Metric("largest", largest, measured_in="logits", better="higher", answers=False)
    run = pp.patch(
        bridge, pairs, {"all": "input => logits"}, metrics=[own, "loss"], directions=["noising"]
    )
    frame = run.summary.query("metric == 'largest'")
    clean, corrupt = (
        [float(bridge(torch.tensor([pair[key]]))[0, -1].max().detach()) for pair in pairs]
        for key in ("clean", "corrupt")
    )
    assert frame["clean_mean"].iloc[0] == pytest.approx(sum(clean) / 4, abs=1e-5)
    assert frame["patched_mean"].iloc[0] == pytest.approx(sum(corrupt) / 4, abs=1e-5)


def test_pairs_as_objects_and_a_folder_for_outputs(
    bridge: Any, pairs: list[dict[str, Any]], tmp_path: Path
) -> None:
    made = [
        pp.Pair(p["clean"], p["corrupt"], answer=p["answer"], distractor=p["distractor"])
        for p in pairs
    ]
    run = pp.patch(bridge, made, {"h": "a0.h0 -> logits"}, output=tmp_path / "out")
    assert run.path is not None
    assert (run.path / "report.html").is_file()
    again = pp.patch(bridge, made, {"h": "a0.h0 -> logits"}, output=tmp_path / "out")
    assert again.reused
    assert pp.open(run.path).summary.equals(run.summary)


def test_a_table_that_is_not_there(bridge: Any, pairs: list[dict[str, Any]]) -> None:
    run = pp.patch(bridge, pairs, {"h": "a0.h0 -> logits"})
    with pytest.raises(pp.StoreError, match='has no table "scores"'):
        run.scores  # noqa: B018
    assert "<table" in run._repr_html_()


def test_scores_in_memory(bridge: Any, pairs: list[dict[str, Any]]) -> None:
    run = pp.patch(
        bridge,
        pairs,
        {"h": "a0.h0 -> logits"},
        scores=pp.ScoresConfig(methods=[pp.ScoreMethod.exact, pp.ScoreMethod.eap]),
    )
    scores = run.scores.pivot_table(
        index=["sender", "receiver", "slot"], columns="method", values="score", dropna=False
    )
    assert {"exact", "eap"} <= set(scores.columns)
    direct = run.scores.query("sender == 'a0.h0' and receiver == 'logits' and method == 'exact'")
    noising = pp.patch(bridge, pairs, {"h": "a0.h0 -> logits"}, directions=["noising"])
    assert direct["score"].iloc[0] == pytest.approx(noising.summary["effect_mean"].iloc[0])


def test_figures_and_the_page(bridge: Any, pairs: list[dict[str, Any]], tmp_path: Path) -> None:
    run = pp.patch(bridge, pairs, FAMILY, over=OVER)
    assert "<svg" in run.heatmap("edges").svg
    assert "<svg" in run.paths("edges").svg
    page = run.report(tmp_path / "page.html")
    assert "edges" in page.read_text(encoding="utf-8")
    with pytest.raises(pp.StoreError, match="Say where"):
        run.report()


Call = Callable[[Any, Any], Any]
MISTAKES: dict[str, tuple[Call, str]] = {
    "a variable nobody uses": (
        lambda b, p: pp.patch(b, p, {"h": "s -> logits"}, over={"s": "a0.h*", "x": "m*"}),
        'over.x: no expression has a "x"',
    ),
    "a direction": (
        lambda b, p: pp.patch(b, p, {"h": "a0.h0 -> logits"}, directions=["noisng"]),
        'directions: unknown "noisng". Did you mean "noising"? Allowed: noising, denoising',
    ),
    "an entry's key": (
        lambda b, p: pp.patch(b, p, {"h": {"exp": "a0.h0 -> logits"}}),
        'paths["h"]: unknown key "exp". Did you mean "expr"?',
    ),
    "a keyword": (
        lambda b, p: pp.patch(b, p, {"h": "a0.h0 -> logits"}, nosie_scale=1.0),
        'unknown keyword "nosie_scale". Did you mean "noise_scale"?',
    ),
    "no names": (
        lambda b, p: pp.patch(b, p, ["a0.h0 -> logits"]),
        'paths: a list names nothing. Give a dict: {"movers": "s -> r<q> => logits"}',
    ),
    "one pair": (
        lambda b, p: pp.patch(b, p[0], {"h": "a0.h0 -> logits"}),
        "pairs: a dict is no list of pairs.",
    ),
    "no bridge": (
        lambda b, p: pp.patch(b.original_model, p, {"h": "a0.h0 -> logits"}),
        "the model is a NativeModel, not a TransformerBridge.",
    ),
    "a node": (lambda b, p: pp.patch(b, p, {"h": "a0.h7 -> logits"}), 'unknown node "a0.h7"'),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_message(name: str, bridge: Any, pairs: list[dict[str, Any]]) -> None:
    call, message = MISTAKES[name]
    with pytest.raises(pp.PathPatchError) as caught:
        call(bridge, pairs)
    assert message in str(caught.value)


def test_a_search_in_memory_is_that_of_the_config(tmp_path: Path) -> None:
    """Sixteen copies of the pair of the micro model: without hypotheses, as a dict of keys."""
    pair = {"clean": [0], "corrupt": [1], "answer": 0, "distractor": 2}
    lines = [{"id": f"p{n}", **pair} for n in range(16)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = pp.compose(
        "micro",
        "search.min_share=0.3",
        "search.direction=denoising",
        f"dataset.path={tmp_path / 'pairs.jsonl'}",
        f"runtime.output_root={tmp_path}",
        "runtime.progress=false",
    )
    assert config.search is not None
    ran = pp.run(config)
    patched = pp.patch(
        config.model,
        lines,
        search={"min_share": 0.3, "direction": "denoising"},
        runtime={"progress": False, "backend": "delta"},
    )
    told = ["path", "status", "effect_mean", "raises"]
    assert patched.table("found").select(told) == ran.table("found").select(told)
    assert "complete" in patched.table("found")["status"].to_pylist()
    assert set(patched.summary["hypothesis"]) >= {"found", "found_rest"}


def test_wrong_keys_and_values_of_sections_are_said_together(
    bridge: Any, pairs: list[dict[str, Any]]
) -> None:
    with pytest.raises(pp.PathPatchError) as error:
        pp.patch(
            bridge,
            pairs,
            search={"direction": "nosing", "atmost": 2},
            scores={"methods": ["epa"]},
        )
    for line in (
        "search.direction: Invalid value 'nosing', expected one of [noising, denoising]",
        'search: unknown key "atmost". Did you mean "at_most"?',
        "scores.methods",
    ):
        assert line in str(error.value)

"""Searches of whole runs, on models whose paths are known."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pathpatch_runner as pp
from pathpatch_runner.config import (
    Direction,
    ExperimentConfig,
    HypothesisConfig,
    PathConfig,
    RuntimeConfig,
    SearchConfig,
    UnitKind,
)
from pathpatch_runner.dataset.jsonl import JsonlDatasetConfig
from pathpatch_runner.effects.curves import auroc_of_scores
from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.expression.canonical import canonical
from pathpatch_runner.expression.count import draw_paths
from pathpatch_runner.expression.single import single_route
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.spectrum import Spectrum
from pathpatch_runner.inputs import read_files, read_inputs
from pathpatch_runner.model.source import source_of
from pathpatch_runner.regress.query import rows_of
from pathpatch_runner.store.known import KnownUnits

TRACR = Path(__file__).parents[2] / "experiments" / "tracr"
PROGRAMS = sorted(path.name.split(".")[0] for path in TRACR.glob("*.truth.json"))


def config_of(
    outputs: Path, name: str, *overrides: str, config_dir: Path | None = None
) -> ExperimentConfig:
    config: ExperimentConfig = pp.compose(name, *overrides, config_dir=config_dir)
    config.runtime = RuntimeConfig(output_root=str(outputs), progress=False, device="cpu")
    return config


def complete(run: pp.Run) -> dict[str, dict[str, Any]]:
    rows = run.table("found").to_pylist()
    return {row["path"]: row for row in rows if row["status"] == "complete"}


def truth_of(program: str) -> list[str]:
    truth: list[str] = json.loads((TRACR / f"{program}.truth.json").read_text())
    return truth


@pytest.mark.parametrize("program", PROGRAMS)
def test_exactly_the_true_paths_of_compiled_programs(program: str, tmp_path: Path) -> None:
    """A search finds them, and exact scores tell their edges from all others."""
    run = pp.run(config_of(tmp_path, f"tracr_{program}"))
    found = complete(run)
    assert sorted(found) == truth_of(program)
    assert all(row["q_value"] <= 0.05 for row in found.values())
    steps = [path.split("->") for path in truth_of(program)]
    true = {
        f"{sender.partition('<')[0]}->{receiver}"
        for path in steps
        for sender, receiver in itertools.pairwise(path)
    }
    rows = rows_of(run.table("scores"))
    scores = np.abs([row["score"] for row in rows])
    reference = np.array([row["edge"] in true for row in rows])
    assert reference.sum() == len(true) < len(rows)
    assert auroc_of_scores(scores, reference) == 1.0
    assert scores[~reference].max() < 1e-6 < 0.01 < scores[reference].min()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_true_path_left_out_and_a_false_one_added_are_noticed(
    program: str, tmp_path: Path
) -> None:
    """Without any of the true paths less than everything is explained; a false one among them adds
    nothing, and by itself does nothing."""
    truth = truth_of(program)
    config = config_of(tmp_path, f"tracr_{program}", "search=null", "scores.methods=[]")
    shape = read_files(config, source_of(config.model, 0)).shape
    assert shape is not None
    graph = Graph(shape)
    false = next(path for path in _single_paths(graph) if path not in truth)
    paths = {f"t{n}": PathConfig(expr=path) for n, path in enumerate(truth)}
    config.hypotheses = {"h": HypothesisConfig(paths={**paths, "false": PathConfig(expr=false)})}
    config.patch.units = [UnitKind.path, UnitKind.hypothesis, UnitKind.leave_one_out]
    config.patch.directions = [Direction.denoising]
    summary = pp.run(config).table("summary").to_pylist()
    rows = {(row["unit"], row["path_id"]): row for row in summary}
    whole = rows["hypothesis", "+".join([*paths, "false"])]["normalised_effect"]
    assert whole == pytest.approx(1, abs=1e-3)
    left_out = {
        name: next(
            row["normalised_effect"]
            for (unit, ids), row in rows.items()
            if unit == "leave_one_out" and name not in ids.split("+")
        )
        for name in (*paths, "false")
    }
    assert left_out.pop("false") == pytest.approx(whole, abs=1e-6)
    assert max(left_out.values()) < 0.95
    assert rows["path", "false"]["effect_mean"] == pytest.approx(0, abs=1e-6)


def _single_paths(graph: Graph) -> list[str]:
    """Of at most two nodes between the ends, as `truth.json` writes them."""
    every = Spectrum(graph, 2, tuple(range(1, graph.logits)), (), True).union()
    drawn = draw_paths(every, graph, 200, 0, distinct=True)
    return [canonical((single_route(path, graph),), graph) for path in drawn]


def test_what_was_found_as_a_whole_is_sufficient_and_necessary(tmp_path: Path) -> None:
    run = pp.run(config_of(tmp_path, "tracr_sort_unique"))
    share = {
        (row["hypothesis"], row["direction"]): row["normalised_effect"]
        for row in run.table("summary").to_pylist()
        if row["unit"] == "hypothesis"
    }
    assert share["found", "denoising"] == pytest.approx(1)
    assert share["found", "noising"] == pytest.approx(1)
    assert share["found_rest", "denoising"] == pytest.approx(0, abs=1e-9)
    assert share["found_rest", "noising"] == pytest.approx(0, abs=1e-9)


def test_the_hypothesis_found_runs_as_it_is_and_gives_the_same_numbers(tmp_path: Path) -> None:
    run = pp.run(config_of(tmp_path, "tracr_sort_unique"))
    again = pp.run(
        config_of(
            tmp_path,
            "tracr_sort_unique",
            "search=null",
            "+hypotheses=found",
            "patch.directions=[noising,denoising]",
            config_dir=run.path,
        )
    )

    def effects(one: pp.Run) -> dict[tuple[str, ...], float]:
        keys = ("hypothesis", "unit", "path_id", "direction", "pair_id", "position")
        return {
            tuple(str(row[key]) for key in keys): row["effect"]
            for row in one.table("effects").to_pylist()
            if row["hypothesis"] == "found"
        }

    first, second = effects(run), effects(again)
    assert first
    assert {key: second[key] for key in first} == pytest.approx(first, abs=1e-12)
    # Of the pairs that chose, the second run has rows too.
    assert len(second) > len(first)


def test_reported_numbers_are_of_pairs_that_chose_nothing(tmp_path: Path) -> None:
    run = pp.run(config_of(tmp_path, "tracr_hist"))
    assert run.path is not None
    said = json.loads((run.path / "search.json").read_text())
    assert not set(said["selection"]) & set(said["confirmation"])
    assert len(said["selection"]) + len(said["confirmation"]) == 64
    reported = {row["pair_id"] for row in run.table("effects").to_pylist()}
    assert reported == set(said["confirmation"])
    assert said["unexamined"]["exceeding"] == 0


def gates(tmp_path: Path, name: str, answer: int, direction: Direction) -> ExperimentConfig:
    """A model of gates, searched: sixteen times the one pair that it has."""
    pairs = tmp_path / "gates.jsonl"
    pair = {"clean": [1], "corrupt": [0], "answer": answer, "distractor": 2}
    pairs.write_text("".join(json.dumps({"id": f"g{n}", **pair}) + "\n" for n in range(16)))
    config = config_of(tmp_path, name)
    assert isinstance(config.dataset, JsonlDatasetConfig)
    config.dataset.path = str(pairs)
    config.hypotheses = {}
    config.search = SearchConfig(direction=direction)
    return config


@pytest.mark.parametrize("direction", list(Direction))
def test_an_or_gate_is_found_by_what_suffices_and_not_by_what_is_needed(
    tmp_path: Path, direction: Direction
) -> None:
    """Neither head is needed while the other works; each alone is enough."""
    found = complete(pp.run(gates(tmp_path, "micro_or", 0, direction)))
    either = {f"input->a0.h{head}<v>->m0->logits" for head in (0, 1)}
    assert set(found) == (either if direction is Direction.denoising else set())


@pytest.mark.parametrize("direction", list(Direction))
def test_what_is_invisible_one_step_at_a_time_is_missed(
    tmp_path: Path, direction: Direction
) -> None:
    """A majority of three heads: any two of them do everything, and none alone does anything."""
    run = pp.run(gates(tmp_path, "micro_majority", 1, direction))
    kept = [row["path"] for row in run.table("found").to_pylist() if row["status"] != "pruned"]
    assert kept == ["m0->logits"]


class Interrupted(Exception):
    """In place of a kill."""


def interrupted(monkeypatch: pytest.MonkeyPatch, after: int) -> list[int]:
    """Evaluating raises after so many chunks; the list grows by one for each evaluated."""
    done: list[int] = []
    keep = KnownUnits.keep

    def kept(self: KnownUnits, units: np.ndarray, *what: Any) -> None:
        if len(done) == after:
            raise Interrupted
        done.append(len(units))
        keep(self, units, *what)

    monkeypatch.setattr(KnownUnits, "keep", kept)
    return done


@pytest.mark.parametrize("after", [0, 1, 4])
def test_an_interrupted_search_is_taken_up_again_without_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    name = "tracr_sort_unique"
    whole = pp.run(config_of(tmp_path / "whole", name))
    with monkeypatch.context() as patch:
        before = interrupted(patch, after)
        with pytest.raises(Interrupted):
            pp.run(config_of(tmp_path / "cut", name))
    with monkeypatch.context() as patch:
        rest = interrupted(patch, 1000)
        resumed = pp.run(config_of(tmp_path / "cut", name))
    with monkeypatch.context() as patch:
        everything = interrupted(patch, 1000)
        pp.run(config_of(tmp_path / "again", name))
    assert before + rest == everything
    assert resumed.path is not None
    assert whole.path is not None
    said = json.loads((resumed.path / "manifest.json").read_text())["known"]
    assert bool(said["taken"]) == (after > 0)
    assert set(said["taken"]) <= {resumed.path.name}
    for file in ("found.parquet", "effects.parquet", "search.json", "hypotheses/found.yaml"):
        assert (resumed.path / file).read_bytes() == (whole.path / file).read_bytes(), file


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["dataset.n_pairs=8"],
            "search: of 8 pairs 4 choose (search.confirm: 0.5), and 4 give no p value below 0.12, "
            "while 0.05 is needed: nothing could be found. At least 12 pairs are needed "
            "(dataset.n_pairs)",
        ),
        (
            ["dataset.n_pairs=20", "search.correction=bonferroni", "search.alpha=0.001"],
            "search: of 20 pairs 10 choose (search.confirm: 0.5), and 10 give no p value below "
            "0.002, while 0.00033 is needed: nothing could be found. At least 26 pairs are needed "
            "(dataset.n_pairs)",
        ),
        (
            ["search.metric=los"],
            'search.metric: "los" is no metric of this run. It has: logit_diff. Add it to metrics',
        ),
        (["search.alpha=1"], "search.alpha: 1.0. Expected a number between 0 and 1"),
        (["search.confirm=1"], "search.confirm: 1.0. Expected a share between 0 and 1"),
        (
            ["search.positions=[S7]"],
            'search.positions: the data name no position "S7". They name: end',
        ),
        (
            ["search.positions=[end]", "search.slots=together"],
            "search.slots: together, and search.positions: only keys and values are read at a "
            "position of their own. Use search.slots=apart",
        ),
        (
            ["search.through=[logits]"],
            'search.through: "logits" is an end of the paths. Remove it',
        ),
        (
            ["patch.source=zero", "patch.directions=[noising]"],
            "search: it compares with the corrupt run, and patch.source zero replaces what senders "
            "write. Use patch.source=corrupt or noise",
        ),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_runs(
    tmp_path: Path, words: list[str], message: str
) -> None:
    config = config_of(tmp_path, "tracr_hist", *words)
    files = read_files(config, source_of(config.model, 0))
    with pytest.raises(PathPatchError) as error:
        read_inputs(config, files)
    assert message in str(error.value)


def test_controls_of_units_are_other_heads_of_the_same_layers(tmp_path: Path) -> None:
    """Three heads, of which the OR reads two: for the third any other head does more."""
    config = gates(tmp_path, "micro_or", 0, Direction.denoising)
    config.search = None
    config.patch.directions = [Direction.denoising]
    config.patch.units = [UnitKind.path]
    config.patch.controls = 2
    config.hypotheses = {
        "h": HypothesisConfig(
            paths={
                "left": PathConfig(expr="input -> a0.h0 -> m0 -> logits"),
                "outsider": PathConfig(expr="input -> a0.h2 -> m0 -> logits"),
            }
        )
    }
    rows = {row["path_id"]: row for row in pp.run(config).table("controls").to_pylist()}
    # Of a0.h0: a0.h1 does as much, a0.h2 nothing. Of a0.h2: both do more.
    left, outsider = rows["left"], rows["outsider"]
    assert (left["control_min"], left["control_max"], left["effect_mean"]) == (0.0, 1.0, 1.0)
    assert (left["n_controls"], left["as_large"], left["control_p"]) == (2, 1, 2 / 3)
    assert (outsider["effect_mean"], outsider["control_min"]) == (0.0, 1.0)
    assert (outsider["as_large"], outsider["control_p"]) == (2, 1.0)


def test_controls_that_cannot_be_drawn_are_said_before_anything_runs(tmp_path: Path) -> None:
    config = gates(tmp_path, "micro_or", 0, Direction.denoising)
    config.search = None
    config.patch.controls = 3
    config.hypotheses = {"h": HypothesisConfig(paths={"p": PathConfig(expr="a0.h0 => logits")})}
    files = read_files(config, source_of(config.model, 0))
    with pytest.raises(PathPatchError) as error:
        read_inputs(config, files)
    assert str(error.value) == (
        "hypotheses.h, p: patch.controls: 3 matched path sets were asked for, but there are only 2 "
        "others of the shape of a0.h0=>logits: few other heads of the same layers can take the "
        "place of those it names. Ask for 2 at most"
    )


def test_found_paths_have_controls_too(tmp_path: Path) -> None:
    config = gates(tmp_path, "micro_or", 0, Direction.denoising)
    config.patch.controls = 1
    rows = pp.run(config).table("controls").to_pylist()
    counts = {row["hypothesis"]: row["n_controls"] for row in rows if row["unit"] == "hypothesis"}
    assert counts == {"found": 1, "found_rest": 0}

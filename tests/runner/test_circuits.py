"""Whole runs with circuits: rows by size, what the run key knows of, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pathpatch_runner.circuit import GraphFile, edges_of, graph_data
from pathpatch_runner.config import (
    Direction,
    ExperimentConfig,
    HypothesisConfig,
    PatchConfig,
    PathConfig,
    ScoreMethod,
    ScoresConfig,
    SelectConfig,
    UnitKind,
)
from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.inputs import read_files, run_key_of
from pathpatch_runner.model.source import source_of
from pathpatch_runner.runner import Request, run
from runs.small import experiment

GRAPH = Graph(ModelShape(2, 2, 16, 8, 11, 16, attn_only=True))
"""That of `runs.small`."""


def write_scores(file: Path, seed: int = 0) -> Path:
    edges = edges_of(GRAPH)
    scores = np.random.default_rng(seed).standard_normal(len(edges))
    order = tuple(range(len(edges)))
    data = graph_data(GraphFile(GRAPH, edges.mask([]), order, {"score": scores}))
    file.write_text(json.dumps(data))
    return file


def of_circuits(folder: Path, **paths: PathConfig) -> ExperimentConfig:
    directions = [Direction.denoising, Direction.noising]
    return experiment(
        folder,
        hypotheses={"h": HypothesisConfig(paths=paths)},
        patch=PatchConfig(directions=directions, units=[UnitKind.path]),
        metrics=["logit_diff"],
    )


def test_sizes_are_rows_from_nothing_to_everything(tmp_path: Path) -> None:
    file = write_scores(tmp_path / "scores.json")
    config = of_circuits(tmp_path, c=PathConfig(circuit=str(file), sizes=[0, 0.02, 0.5, 1]))
    directory = run(Request(config)).directory
    assert directory is not None
    rows = pq.read_table(directory / "summary.parquet").to_pylist()
    assert [row["over.size"] for row in rows] == ["0", "0.02", "0.5", "1"] * 2
    assert [row["effect_mean"] for row in rows[::4]] == [0.0, 0.0]
    for row in rows[3::4]:
        assert row["normalised_effect"] == pytest.approx(1, abs=1e-5)
    assert abs(rows[2]["normalised_effect"] - 1) > 1e-6
    # Edges: 2 heads x 3 slots from input, 2 x 3 from three nodes, the logits from five.
    assert len(edges_of(GRAPH)) == 6 + 18 + 5
    assert rows[3]["path"].startswith("scores[29 edges, ")
    assert (rows[0]["n_edges"], rows[3]["n_edges"]) == (0, 29)
    assert [row["n_paths"] for row in rows[:4:3]] == ["0", str(7 * 7)]


def test_the_file_of_a_circuit_is_part_of_the_run_key(tmp_path: Path) -> None:
    def key() -> str | None:
        path = PathConfig(circuit=str(tmp_path / "scores.json"), sizes=1)
        config = of_circuits(tmp_path, **{"c.1": path})
        return run_key_of(config, read_files(config, source_of(config.model, config.seed)))

    write_scores(tmp_path / "scores.json")
    before = key()
    assert before == key()
    write_scores(tmp_path / "scores.json", seed=1)
    assert before != key()


def test_random_scores_are_those_of_the_seed(tmp_path: Path) -> None:
    def paths(seed: int) -> list[str]:
        config = of_circuits(tmp_path, c=PathConfig(select=SelectConfig(), sizes=[0.3]))
        config.scores = ScoresConfig(methods=[ScoreMethod.random])
        config.seed = seed
        directory = run(Request(config)).directory
        assert directory is not None
        return [str(path) for path in pq.read_table(directory / "summary.parquet")["path"]]

    assert paths(0) == paths(0) != paths(1)


def test_senders_cannot_be_replaced_in_a_circuit(tmp_path: Path) -> None:
    config = of_circuits(tmp_path, c=PathConfig(edges=["input->logits"]))
    config.patch = PatchConfig(directions=[Direction.noising], source="zero")
    with pytest.raises(PathPatchError, match="starts at input"):
        run(Request(config))


@pytest.mark.parametrize("source", ["corrupt", "noise"])
def test_against_and_sources_work_as_for_any_entry(tmp_path: Path, source: str) -> None:
    file = write_scores(tmp_path / "scores.json")
    config = of_circuits(tmp_path)
    config.hypotheses = {
        "some": HypothesisConfig(
            paths={"c": PathConfig(circuit=str(file), sizes=0.5)}, against="most"
        ),
        "most": HypothesisConfig(
            paths={
                "c": PathConfig(circuit=str(file), sizes=0.8),
                "e": PathConfig("input -> logits"),
            }
        ),
    }
    config.patch = PatchConfig(units=[UnitKind.hypothesis], source=source, noise_draws=2)
    directory = run(Request(config)).directory
    assert directory is not None
    rows = pq.read_table(directory / "summary.parquet").to_pylist()
    assert [row["path_id"] for row in rows] == ["c", "c+e"]
    assert 0 < rows[0]["aue"] != rows[1]["aue"] > 0
    # With noise the total effect of so few pairs may be nothing, and shares of it are withheld.
    if source == "corrupt":
        explained = 1 - rows[0]["aue"] / rows[1]["aue"]
        assert rows[0]["proportion_explained"] == pytest.approx(explained)


def test_a_file_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    config = of_circuits(tmp_path, c=PathConfig(circuit=str(tmp_path / "none.json")))
    with pytest.raises(PathPatchError) as raised:
        run(Request(config))
    assert str(raised.value) == f'hypotheses.h.paths.c.circuit: no file "{tmp_path}/none.json"'

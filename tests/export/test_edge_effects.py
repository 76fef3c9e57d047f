"""Edge effects as EAP-IG's graph: which rows are edges, and what the file holds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from pathpatch_runner.circuit import graph_data
from pathpatch_runner.config import (
    Direction,
    HypothesisConfig,
    PatchConfig,
    PathConfig,
    UnitKind,
)
from pathpatch_runner.errors import CircuitError, StoreError
from pathpatch_runner.export.__main__ import main
from pathpatch_runner.export.convert import write_file
from pathpatch_runner.export.edge_effects import Choice, edge_scores, graph_of
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.runner import Request, run
from runs.small import experiment

GRAPH = Graph(ModelShape(2, 1, 4, 4, 7, 8, d_mlp=4))


def row(path: str, effect: float, **changes: Any) -> dict[str, Any]:
    names = {"hypothesis": "h", "unit": "path", "metric": "loss", "direction": "noising"}
    return {**names, "path": path, "effect_mean": effect, **changes}


EDGES = [
    row("a0.h0->a1.h0<q>=>logits", 0.5),
    row("input->m1=>logits", -2.0),
    row("a1.h0->logits", 1.0),
]
OTHERS = [
    row("a0.h0->a1.h0<q,k>=>logits", 7.0),
    row("a0.h0->a1.h0<q>->logits", 7.0),
    row("a0.h0-[m*]->logits", 7.0),
    row("a0.h0->m0@end=>logits", 7.0),
    row("a0.h0->m0=>logits | a0.h0->m1=>logits", 7.0, unit="hypothesis"),
    row("a0.h0->m0=>logits", 7.0, direction="denoising"),
]


def test_only_single_edges_are_taken() -> None:
    assert edge_scores([*EDGES, *OTHERS], Choice()) == {
        "a0.h0->a1.h0<q>": 0.5,
        "input->m1": -2.0,
        "a1.h0->logits": 1.0,
    }


def test_the_graph_has_all_nodes_and_the_largest_edges_marked() -> None:
    data = graph_data(graph_of(GRAPH, EDGES, Choice(top=2), {}))
    assert data["cfg"] == {
        "n_layers": 2,
        "n_heads": 1,
        "parallel_attn_mlp": False,
        "d_model": 4,
    }
    assert list(data["nodes"]) == ["input", "a0.h0", "m0", "a1.h0", "m1", "logits"]
    marked = [name for name, node in data["nodes"].items() if node["in_graph"]]
    assert marked == ["input", "a1.h0", "m1", "logits"]
    assert list(data["edges"]) == ["a0.h0->a1.h0<q>", "input->m1", "a1.h0->logits"]
    assert data["edges"]["a0.h0->a1.h0<q>"] == {"score": 0.5, "in_graph": False}
    assert data["edges"]["input->m1"] == {"score": -2.0, "in_graph": True}


@pytest.mark.parametrize(
    ("rows", "choice", "message"),
    [
        (
            OTHERS,
            Choice(),
            "the run has no edge effects (loss, noising). They are rows of unit path whose "
            'expression is "s -> r<q> => logits" or "s -> logits"',
        ),
        (
            [*EDGES, row("a1.h0->logits", 3.0, hypothesis="g")],
            Choice(),
            'edge "a1.h0->logits" is in two hypotheses, with different effects. Say --hypothesis',
        ),
        (
            [*EDGES, row("a1.h0->logits", 1.0, metric="prob")],
            Choice(),
            "--metric: none chosen. It has: loss, prob",
        ),
        (EDGES, Choice("los"), '--metric: the run has no "los". Did you mean "loss"? It has: loss'),
    ],
)
def test_mistakes(rows: list[dict[str, Any]], choice: Choice, message: str) -> None:
    with pytest.raises(StoreError) as caught:
        edge_scores(rows, choice)
    assert str(caught.value) == message


def test_a_model_without_separate_heads_is_refused(tmp_path: Path) -> None:
    together = Graph(dataclasses.replace(GRAPH.shape, separable_heads=False))
    found = graph_of(together, [row("m1->logits", 1.0)], Choice(), {})
    with pytest.raises(CircuitError, match="not separable"):
        write_file(tmp_path / "graph.json", found, "eap")


def test_a_whole_run_is_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = experiment(
        tmp_path,
        hypotheses={
            "edges": HypothesisConfig(
                paths={
                    "heads": PathConfig(
                        expr="s -> r<v> => logits", over={"s": "a0.h*", "r": "a1.h*"}
                    ),
                    "out": PathConfig(expr="s -> logits", over={"s": ["input", "a*.h*"]}),
                }
            )
        },
        patch=PatchConfig(directions=[Direction.noising], units=[UnitKind.path]),
    )
    directory = run(Request(config)).directory
    assert directory is not None
    file = tmp_path / "graph.json"
    assert main([str(directory), str(file), "--metric", "logit_diff"]) == 0
    assert f"9 edges  {file}" in capsys.readouterr().out
    graph = json.loads(file.read_text())
    assert list(graph) == ["cfg", "nodes", "edges"]
    assert graph["cfg"] == {
        "n_layers": 2,
        "n_heads": 2,
        "parallel_attn_mlp": False,
        "d_model": 16,
    }
    assert set(graph["edges"]) == {
        *(f"a0.h{s}->a1.h{r}<v>" for s in (0, 1) for r in (0, 1)),
        *(f"a{layer}.h{head}->logits" for layer in (0, 1) for head in (0, 1)),
        "input->logits",
    }
    # Their graph has an MLP in every layer.
    assert list(graph["nodes"])[3:5] == ["m0", "a1.h0"]
    ours_file = str(tmp_path / "ours.json")
    argv = [str(directory), ours_file, "--as", "circuit", "--metric", "logit_diff"]
    assert main(argv) == 0
    ours = json.loads((tmp_path / "ours.json").read_text())
    assert ours["about"]["metric"] == "logit_diff"
    assert ours["about"]["run_key"] == directory.name
    capsys.readouterr()
    assert main([str(tmp_path / "nowhere"), str(file)]) == 1
    assert capsys.readouterr().err.startswith(
        f'error: "{tmp_path / "nowhere"}" has no manifest.json'
    )

"""Circuit files from one format to another, and path lists."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from circuit.graphs import SMALL, chosen
from pathpatch_runner.circuit import GraphFile, edges_of, graph_data
from pathpatch_runner.export.__main__ import main
from pathpatch_runner.export.edge_effects import Choice
from pathpatch_runner.export.path_list import SCHEMA, paths_of, read_paths, write_paths

CHOSEN = ("input->a0.h1<v>", "a0.h1->a1.h0<k>", "a1.h0->logits")


def circuit_file(folder: Path, *methods: str) -> Path:
    """A graph JSON of all edges, scored, three of them in the circuit."""
    edges = edges_of(SMALL)
    scores = {method: np.arange(len(edges)) / (i + 3) for i, method in enumerate(methods)}
    graph = GraphFile(
        SMALL,
        chosen(SMALL, *CHOSEN),
        tuple(range(len(edges))),
        scores,
        method=methods[0],
        about={"run_key": "0123"} if methods[0] != "score" else {},
    )
    file = folder / "circuit.json"
    file.write_text(json.dumps(graph_data(graph)))
    return file


def test_eap_ig_to_ours_and_back_without_loss(tmp_path: Path) -> None:
    theirs = circuit_file(tmp_path, "score")
    data = json.loads(theirs.read_text())
    data["nodes"]["m0"] |= {"score": 0.25, "neurons": [1.0, 0.0], "neurons_scores": [0.5, 3.0]}
    theirs.write_text(json.dumps(data))
    ours, back = tmp_path / "ours.json", tmp_path / "back.json"
    assert main(["--import", str(theirs), str(ours)]) == 0
    assert main(["--import", str(ours), str(back), "--as", "eap"]) == 0
    assert json.loads(back.read_text()) == data


def test_a_method_of_several_for_eap_ig(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, file = circuit_file(tmp_path, "eap", "exact"), tmp_path / "theirs.json"
    assert main(["--import", str(ours), str(file), "--as", "eap", "--by", "exact"]) == 0
    theirs = json.loads(file.read_text())
    assert set(theirs) == {"cfg", "nodes", "edges"}
    assert theirs["edges"]["a1.h0->m1"] == {
        "score": edges_of(SMALL).index["a1.h0->m1"] / 4,
        "in_graph": False,
    }
    capsys.readouterr()
    assert main(["--import", str(ours), str(file), "--as", "eap", "--by", "eep"]) == 1
    assert capsys.readouterr().err == 'error: --by: no scores by "eep". There are: eap, exact\n'


def test_lists_of_edges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, text, again = (tmp_path / name for name in ("circuit.json", "edges.txt", "again.json"))
    circuit_file(tmp_path, "eap")
    assert main(["--import", str(ours), str(text)]) == 0
    assert set(text.read_text().split()) == set(CHOSEN)
    assert main(["--import", str(text), str(again), "--like", str(ours)]) == 0
    edges = json.loads(again.read_text())["edges"]
    assert {name for name, edge in edges.items() if edge["in_graph"]} == set(CHOSEN)
    capsys.readouterr()
    assert main(["--import", str(text), str(again)]) == 1
    assert capsys.readouterr().err == (
        f'error: "{text}" is a list of edges and does not say the sizes of its model. Add --like '
        "with a graph JSON or a finished run of the same model\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("graph.pt", "x", "is a pickle, and reading one can run any code"),
        ("graph.json", "[1", "graph.json:1: not JSON"),
        ("graph.json", "{}", "not the graph JSON of EAP-IG"),
        (
            "graph.json",
            '{"cfg": {"n_layers": 9000, "n_heads": 99, "d_model": 1}, "nodes": {}, "edges": {}}',
            "9,000 layers of 99 heads are more than 2,048 nodes",
        ),
        (
            "graph.json",
            '{"cfg": {"n_layers": "a"}, "nodes": {}, "edges": {}}',
            "cfg does not say n_layers, n_heads and d_model",
        ),
    ],
)
def test_files_that_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    assert main(["--import", str(tmp_path / name), str(tmp_path / "out.json")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert not (tmp_path / "out.json").exists()


def test_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = circuit_file(tmp_path, "eap")
    assert main([str(ours), str(tmp_path / "out.json")]) == 1
    assert capsys.readouterr().err == f'error: "{ours}" is a file. To convert it, say --import\n'
    assert main(["--import", str(ours), str(tmp_path / "no" / "out.json")]) == 1
    assert capsys.readouterr().err == (
        f'error: "{tmp_path / "no"}" is not a directory. Make it first\n'
    )


ROWS = [
    {
        "path": path,
        "hypothesis": "h",
        "unit": unit,
        "path_id": path[:2],
        "metric": "loss",
        "direction": direction,
        "effect_mean": effect,
        "effect_ci_low": effect - 1,
        "effect_ci_high": None,
        "n": 8,
        "n_paths": "12345678901234567890123",
    }
    for path, unit, direction, effect in [
        ("m0->logits", "path", "noising", 0.5),
        ("m1->logits", "path", "noising", -2.0),
        ("m0->logits | m1->logits", "hypothesis", "noising", 9.0),
        ("m1->logits", "path", "denoising", 9.0),
    ]
]


@pytest.mark.parametrize("ending", ["parquet", "json"])
def test_a_path_list_comes_back(tmp_path: Path, ending: str) -> None:
    table = paths_of(ROWS, Choice())
    assert table.schema == SCHEMA
    assert table["path"].to_pylist() == ["m1->logits", "m0->logits"]
    assert table["effect"].to_pylist() == [-2.0, 0.5]
    file = tmp_path / f"paths.{ending}"
    write_paths(file, table, {"model": "m"})
    assert read_paths(file).equals(table)


def test_a_path_list_as_a_hypothesis(tmp_path: Path) -> None:
    write_paths(tmp_path / "paths.json", paths_of(ROWS, Choice()), {})
    assert main(["--import", str(tmp_path / "paths.json"), str(tmp_path / "found.yaml")]) == 0
    found = yaml.safe_load((tmp_path / "found.yaml").read_text())
    assert found == {"paths": {"p1": {"expr": "m1->logits"}, "p2": {"expr": "m0->logits"}}}


@pytest.mark.parametrize("text", ["[]", '[{"effect": 1}]', '{"paths": 3}', "[1, 2]"])
def test_what_is_no_path_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "paths.json").write_text(text)
    assert main(["--import", str(tmp_path / "paths.json"), str(tmp_path / "p.parquet")]) == 1
    assert "path list" in capsys.readouterr().err
    (tmp_path / "paths.parquet").write_text(text)
    assert main(["--import", str(tmp_path / "paths.parquet"), str(tmp_path / "p.parquet")]) == 1
    assert "not a readable Parquet file" in capsys.readouterr().err

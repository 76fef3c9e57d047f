"""Circuit files: read and written without loss, and what is wrong with them in one message each."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuit.graphs import NAMES, SIX, SMALL, chosen, names_of
from pathpatch_runner.circuit import GraphFile, edges_of, graph_data, read_circuit
from pathpatch_runner.circuit.read import read_edge_names
from pathpatch_runner.errors import CircuitError, Problems
from pathpatch_runner.graph import Graph, ModelShape

WHERE = "hypotheses.h.paths.c.circuit"
CFG = {"n_layers": 2, "n_heads": 0, "parallel_attn_mlp": True, "d_model": 4}


def eap_data(**changes: Any) -> dict[str, Any]:
    """A file as EAP-IG writes it: every edge, scores of nodes and neurons too."""
    nodes = {
        "input": {"in_graph": True, "score": 0.1},
        "m0": {"in_graph": True, "score": 0.2, "neurons": [True, False, True, True]},
        "m1": {"in_graph": False, "score": -0.3, "neurons_scores": [1.0, 2.0, 3.0, 4.5]},
        "logits": {"in_graph": True},
    }
    edges = {
        name: {"score": score, "in_graph": name in ("input->m0", "m0->logits")}
        for name, score in zip(NAMES[::-1], (1 / 3, -2.0, 0.0, 1e-12, 5.0, 7.0), strict=True)
    }
    return {"cfg": CFG, "nodes": nodes, "edges": edges} | changes


def written(folder: Path, data: object, name: str = "graph.json") -> Path:
    file = folder / name
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    return file


def message(file: Path, graph: Graph = SIX) -> str:
    with pytest.raises((CircuitError, Problems)) as caught:
        read_circuit(file, graph, WHERE)
    return str(caught.value)


def test_a_file_of_eap_ig_comes_back_as_it_was(tmp_path: Path) -> None:
    data = eap_data()
    file = read_circuit(written(tmp_path, data), SIX, WHERE)
    assert names_of(edges_of(SIX), file.chosen) == ["input->m0", "m0->logits"]
    assert file.scores["score"].tolist() == [7.0, 5.0, 1e-12, 0.0, -2.0, 1 / 3]
    again = graph_data(file)
    assert again == data
    assert json.dumps(again) == json.dumps(data)


def test_a_score_that_is_no_number_comes_back_too(tmp_path: Path) -> None:
    """EAP-IG writes NaN for nodes that it did not score."""
    text = json.dumps(eap_data()).replace('"score": 0.1}', '"score": NaN}', 1)
    text = text.replace('"score": -2.0', '"score": NaN')
    file = read_circuit(written(tmp_path, text), SIX, WHERE)
    assert math.isnan(file.scores["score"][4])
    assert json.dumps(graph_data(file)) == text


def test_nodes_of_older_files(tmp_path: Path) -> None:
    data = eap_data(nodes={"input": True, "m0": True, "m1": False, "logits": True})
    file = read_circuit(written(tmp_path, data), SIX, WHERE)
    assert graph_data(file)["nodes"]["m1"] == {"in_graph": False}


def test_our_own_json_has_more_and_is_still_theirs(tmp_path: Path) -> None:
    """Scores of several methods, what they are, where from; what EAP-IG reads is all there."""
    scores = {"eap": np.arange(6.0), "exact": np.array([0.5, math.nan, 1, 1, 1, 1])}
    own = GraphFile(
        graph=SIX,
        chosen=chosen(SIX, "input->m0", "m0->logits"),
        order=tuple(range(6)),
        scores=scores,
        method="eap",
        about={"metric": "logit_dif", "run_key": "0123"},
    )
    data = graph_data(own)
    assert data["cfg"] == CFG
    assert list(data["nodes"]) == ["input", "m0", "m1", "logits"]
    assert [name for name, node in data["nodes"].items() if node["in_graph"]] == [
        "input",
        "m0",
        "logits",
    ]
    assert data["edges"]["m0->m1"]["score"] == 2.0
    assert data["edges"]["m0->m1"]["scores"] == {"eap": 2.0, "exact": 1.0}
    again = read_circuit(written(tmp_path, data), SIX, WHERE)
    assert again.method == "eap"
    assert again.about == own.about
    assert (again.chosen == own.chosen).all()
    for method, values in scores.items():
        np.testing.assert_array_equal(again.scores[method], values)


def test_an_attention_only_model_as_eap_ig_writes_it(tmp_path: Path) -> None:
    """Its graph has MLPs in every layer: they are passed over where the circuit is without them."""
    graph = Graph(ModelShape(1, 1, 4, 4, 7, 8, attn_only=True))
    cfg = {"n_layers": 1, "n_heads": 1, "parallel_attn_mlp": False, "d_model": 4}
    nodes = {name: {"in_graph": name != "m0"} for name in ("input", "a0.h0", "m0", "logits")}
    edges = {
        name: {"score": 1.0, "in_graph": "m0" not in name}
        for name in ("input->a0.h0<v>", "a0.h0->m0", "a0.h0->logits", "m0->logits")
    }
    file = read_circuit(
        written(tmp_path, {"cfg": cfg, "nodes": nodes, "edges": edges}), graph, WHERE
    )
    assert names_of(edges_of(graph), file.chosen) == ["input->a0.h0<v>", "a0.h0->logits"]
    edges["m0->logits"]["in_graph"] = True
    found = message(written(tmp_path, {"cfg": cfg, "nodes": nodes, "edges": edges}), graph)
    assert found == f'{WHERE}: 1 edge is not in this model: "m0->logits" (no node "m0")'


def test_a_text_file(tmp_path: Path) -> None:
    lines = "# names\n\ninput->a0.h1<v>\n  a0.h1 -> a1.h0<k>   # into the keys\nL1H0->logits\r\n"
    file = read_circuit(written(tmp_path, lines, "edges.txt"), SMALL, WHERE)
    assert names_of(edges_of(SMALL), file.chosen) == [
        "input->a0.h1<v>",
        "a0.h1->a1.h0<k>",
        "a1.h0->logits",
    ]
    assert file.scores == {}


@pytest.mark.parametrize("name", ["a1.h0", "1.0", "L1H0", "a1.0"])
def test_spellings_of_a_head(name: str) -> None:
    file = read_edge_names([f"{name}->logits"], SMALL, WHERE)
    assert names_of(edges_of(SMALL), file.chosen) == ["a1.h0->logits"]


def edges_with(name: str, **entry: Any) -> dict[str, Any]:
    return {**eap_data()["edges"], name: {"score": 1.0, "in_graph": True} | entry}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            eap_data(cfg={**CFG, "n_layers": 12, "d_model": 768}),
            f"{WHERE}: the circuit is of another model: n_layers 12 (here 2), d_model 768 (here 4)",
        ),
        (eap_data(cfg={"n_layers": 2}), f"{WHERE}: cfg does not say n_heads, parallel_attn_mlp, "
         "d_model"),
        (
            eap_data(edges=edges_with("m0->m7")),
            f'{WHERE}: 1 edge is not in this model: "m0->m7" (no node "m7")',
        ),
        (
            eap_data(edges=edges_with("m1->m0")),
            f'{WHERE}: 1 edge is against the order of the model: "m1->m0". A node reads only what '
            "earlier ones wrote",
        ),
        (
            eap_data(nodes={"m0": {"in_graph": True}, "m9": {"in_graph": True}}),
            f'{WHERE}: 1 node is not in this model: "m9"',
        ),
        (
            eap_data(edges=edges_with("input->m0", in_graph="yes")),
            f"{WHERE}: in_graph must be true or false. It is not for input->m0",
        ),
        (
            eap_data(edges=edges_with("input->m0", score="big")),
            f"{WHERE}: a score must be a number. It is not for input->m0",
        ),
        (
            eap_data(edges={"input->m0": 0.5}),
            f"{WHERE}: what an edge says must be an object with score and in_graph. It is not for "
            "input->m0",
        ),
        (
            eap_data(edges=edges_with("input -> m0")),
            f"{WHERE}: 1 edge stands there twice: input->m0",
        ),
        (
            [1, 2],
            f"{WHERE}: not the graph JSON of EAP-IG, which is an object with the objects cfg, "
            "nodes and edges",
        ),
        ("{", "graph.json:1: not JSON: Expecting property name enclosed in double quotes "
         "(column 2)"),
        (
            '{"cfg": {}, "nodes": {}, "edges": {"a": 1,\n"a": 2}}',
            'graph.json:2: the key "a" stands twice in one object (also in line 1). Leave one of '
            "them",
        ),
    ],
)  # fmt: skip
def test_mistakes_in_graph_json(tmp_path: Path, data: object, expected: str) -> None:
    assert message(written(tmp_path, data)) == expected


def test_all_mistakes_of_a_file_together(tmp_path: Path) -> None:
    wrong = {f"m{layer}->logits": {"score": 0.0, "in_graph": True} for layer in range(5, 17)}
    data = eap_data(edges={**eap_data()["edges"], **wrong, "m1->m0": {"in_graph": True}})
    with pytest.raises(Problems) as caught:
        read_circuit(written(tmp_path, data), SIX, WHERE)
    unknown, backwards = caught.value.problems
    assert str(unknown).startswith(f"{WHERE}: 12 edges are not in this model: ")
    assert str(unknown).count("no node") == 10
    assert str(unknown).endswith(" and 2 more")
    assert isinstance(unknown, CircuitError)
    assert unknown.names == tuple(wrong)
    assert '"m1->m0"' in str(backwards)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "input->m0\nm0->logits\ninput -> m0\n",
            f"{WHERE}: 1 edge stands there twice: input->m0",
        ),
        (
            "a0.h0->a1.h0\n",
            f'{WHERE}: 1 edge is not in this model: "a0.h0->a1.h0" (a1.h0 reads through slots: '
            "write a1.h0<q>, a1.h0<k>, a1.h0<v>)",
        ),
        (
            "a0.h0->m0<q>\n",
            f'{WHERE}: 1 edge is not in this model: "a0.h0->m0<q>" (m0 has no slots)',
        ),
        (
            "a0.h0 to m0\n",
            f'{WHERE}: 1 edge is not in this model: "a0.h0 to m0" (write writer->reader<slot>: '
            "a0.h3->a1.h9<k>)",
        ),
        ("# nothing\n", f"{WHERE}: no edges. Write one a line: a0.h3->a1.h9<k>"),
    ],
)
def test_mistakes_in_text_files(tmp_path: Path, lines: str, expected: str) -> None:
    graph = SIX if "m0->logits" in lines else SMALL
    assert message(written(tmp_path, lines, "edges.txt"), graph) == expected


def test_files_that_are_never_read(tmp_path: Path) -> None:
    found = message(written(tmp_path, "whatever", "graph.pt"))
    assert found == (
        f'{WHERE}: "graph.pt" is a pickle, and reading one can run any code. Convert it where '
        'EAP-IG is installed, then name the JSON file:\n  python -c "from eap.graph import Graph; '
        "Graph.from_pt('graph.pt').to_json('graph.json')\""
    )
    assert message(tmp_path / "none.json") == f'{WHERE}: no file "{tmp_path / "none.json"}"'


@pytest.mark.parametrize("names", [[], [1], {"a": 1}, None])
def test_what_is_no_list_of_edges(names: object) -> None:
    with pytest.raises(CircuitError, match="expected a list of edges"):
        read_edge_names(names, SIX, "edges")


def eap_ig_edges(n_layers: int, n_heads: int, *, parallel: bool) -> set[str]:
    """The edges of EAP-IG's graph, from the description of its format: every head and MLP reads
    all earlier ones, heads of a layer and (sequential) its MLP in that order."""
    written, found = ["input"], set()
    for layer in range(n_layers):
        heads = [f"a{layer}.h{head}" for head in range(n_heads)]
        found |= {f"{w}->{head}<{slot}>" for w in written for head in heads for slot in "qkv"}
        before = written if parallel else [*written, *heads]
        found |= {f"{w}->m{layer}" for w in before}
        written = [*written, *heads, f"m{layer}"]
    return found | {f"{w}->logits" for w in written}


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("attn_only", [False, True])
def test_what_we_write_has_all_that_their_loader_asks_for(parallel: bool, attn_only: bool) -> None:
    """`Graph.from_json` asks for cfg, nodes and edges; looks every node and edge up in the graph of
    cfg; and takes in_graph of nodes, score and in_graph of edges."""
    shape = dataclasses.replace(SMALL.shape, parallel=parallel, attn_only=attn_only)
    graph = Graph(shape)
    n_edges = len(edges_of(graph))
    scores = {"eap": np.arange(float(n_edges)), "exact": np.ones(n_edges)}
    data = graph_data(
        GraphFile(graph, np.ones(n_edges, bool), tuple(range(n_edges)), scores, method="eap")
    )
    theirs = eap_ig_edges(2, 2, parallel=parallel)
    ours = set(data["edges"])
    assert ours == {name for name in theirs if not (attn_only and "m" in name)}
    assert list(data["nodes"]) == [
        *["input", "a0.h0", "a0.h1", "m0", "a1.h0", "a1.h1", "m1", "logits"]
    ]
    assert all(isinstance(node["in_graph"], bool) for node in data["nodes"].values())
    for edge in data["edges"].values():
        assert isinstance(edge["score"], float)
        assert isinstance(edge["in_graph"], bool)
    assert data["cfg"] == {
        "n_layers": 2,
        "n_heads": 2,
        "parallel_attn_mlp": parallel,
        "d_model": 8,
    }

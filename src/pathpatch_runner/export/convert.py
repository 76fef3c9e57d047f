"""Circuit files from one format to another.

    circuit  our graph JSON: everything, with names of methods and where scores are from
    eap      graph JSON as EAP-IG writes it, and no more
    edges    a text file with an edge a line: the edges in the circuit, without scores

A graph JSON says the sizes of its model itself. A text file does not: `like` is a graph JSON, or a
finished run, of the same model.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from pathpatch_runner.circuit import GraphFile, edges_of, graph_data
from pathpatch_runner.circuit.graph_file import UNNAMED
from pathpatch_runner.circuit.graph_json import graph_of_cfg, read_graph_json
from pathpatch_runner.circuit.read import circuit_text, is_json, read_edge_lines
from pathpatch_runner.errors import CircuitError, StoreError
from pathpatch_runner.export.edge_effects import graph_of_run
from pathpatch_runner.graph import Graph
from pathpatch_runner.reading import parse_json
from pathpatch_runner.store import RunDirectory
from pathpatch_runner.store.atomic import write_text


def read_file(file: Path, like: Path | None) -> GraphFile:
    """A circuit file on the graph of its own model. Raises CircuitError or StoreError."""
    text = circuit_text(file, str(file))
    if is_json(file, text):
        data = parse_json(text, str(file), CircuitError, non_finite=True)
        graph = graph_of_cfg(data, str(file)) if like is None else graph_like(like)
        return read_graph_json(data, graph, str(file))
    if like is None:
        raise CircuitError(
            f'"{file}" is a list of edges and does not say the sizes of its model. Add --like with '
            "a graph JSON or a finished run of the same model"
        )
    return read_edge_lines(text, graph_like(like), file.name)


def graph_like(like: Path) -> Graph:
    """The graph of a run's model, or of a graph JSON's."""
    if like.is_dir():
        return graph_of_run(like, RunDirectory(like).load_manifest().provenance.config)
    text = circuit_text(like, str(like))
    return graph_of_cfg(parse_json(text, str(like), CircuitError, non_finite=True), str(like))


def write_file(file: Path, graph: GraphFile, form: str, by: str | None = None) -> int:
    """Write a circuit file; returns how many edges it has. `form`: circuit, eap or edges; `by`: the
    method whose scores EAP-IG's file has."""
    if form == "edges":
        names = edges_of(graph.graph).names
        listed = [names[number] for number in graph.order if graph.chosen[number]]
        if not listed:
            raise StoreError("no edge is in the circuit, so there is none to list. Say --top N")
        write_text(file, "\n".join(listed) + "\n")
        return len(listed)
    if form == "eap":
        graph = as_eap_ig(graph, by)
    write_text(file, json.dumps(graph_data(graph), indent=1) + "\n")
    return len(graph.order)


def as_eap_ig(graph: GraphFile, by: str | None) -> GraphFile:
    """What EAP-IG's format can hold: one score an edge, and heads. Raises CircuitError."""
    if not graph.graph.shape.separable_heads:
        raise CircuitError(
            "EAP-IG's graph has heads, and the heads of this model are not separable"
        )
    name = by or (graph.method if graph.method in graph.scores else None)
    if by is not None and by not in graph.scores:
        raise CircuitError(f'--by: no scores by "{by}". There are: {", ".join(graph.scores)}')
    scores = {} if name is None else {UNNAMED: graph.scores[name]}
    return dataclasses.replace(graph, scores=scores, method=UNNAMED, about={})

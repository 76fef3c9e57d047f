"""Graph JSON of EAP-IG and MIB (`graph_file` describes it) -> `GraphFile`, checked on a graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pathpatch_runner.circuit.edges import Edges, Scores, edges_of
from pathpatch_runner.circuit.graph_file import UNNAMED, GraphFile, cfg_of
from pathpatch_runner.circuit.names import Wrong, find_edge, listed, twice, wrong_edges
from pathpatch_runner.errors import CircuitError, PathPatchError, raise_together
from pathpatch_runner.graph import Graph, ModelShape

Found = list[tuple[int, Mapping[str, Any]]]
"""(edge number, what the file says of it)."""

MOST_NODES = 2048
"""Of a model that only the file itself tells of: its edges take memory with the square of that."""


def read_graph_json(data: object, graph: Graph, where: str) -> GraphFile:
    """The circuit of a graph JSON, as data."""
    cfg, nodes, entries = _sections(data, where)
    assert isinstance(data, dict)
    _check_size(cfg, graph, where)
    edges = edges_of(graph)
    problems = _node_problems(nodes, graph, where)
    found: Found = []
    wrong: list[Wrong] = []
    for name, entry in entries.items():
        number = find_edge(name, edges)
        if isinstance(number, Wrong):
            if not _of_a_missing_mlp(name, entry, graph):
                wrong.append(number)
        else:
            found.append((number, entry))
    problems += wrong_edges(wrong, where)
    problems += twice([edges.names[number] for number, _ in found], where)
    problems += _entry_problems(found, edges, where)
    raise_together(problems)
    method = data.get("method", UNNAMED)
    return GraphFile(
        graph=graph,
        chosen=edges.mask(number for number, entry in found if entry["in_graph"]),
        order=tuple(number for number, _ in found),
        scores=_scores(found, str(method), len(edges)),
        nodes={n: e if isinstance(e, dict) else {"in_graph": e} for n, e in nodes.items()},
        cfg=cfg,
        method=str(method),
        about=data.get("about", {}) if isinstance(data.get("about"), dict) else {},
    )


def _sections(
    data: object, where: str
) -> tuple[dict[str, Any], dict[str, Any], dict[str, dict[str, Any]]]:
    wanted = ("cfg", "nodes", "edges")
    if not isinstance(data, dict) or not all(isinstance(data.get(key), dict) for key in wanted):
        raise CircuitError(
            f"{where}: not the graph JSON of EAP-IG, which is an object with the objects cfg, "
            "nodes and edges"
        )
    entries = data["edges"]
    shapeless = [name for name, entry in entries.items() if not isinstance(entry, dict)]
    if shapeless:
        raise CircuitError(
            f"{where}: what an edge says must be an object with score and in_graph. It is not for "
            f"{listed(shapeless)}",
            shapeless,
        )
    return data["cfg"], data["nodes"], entries


def _check_size(cfg: Mapping[str, Any], graph: Graph, where: str) -> None:
    """Sizes that the file says must be those of the model."""
    ours = cfg_of(graph.shape)
    other = [
        f"{key} {cfg[key]} (here {value})"
        for key, value in ours.items()
        if key in cfg and cfg[key] != value
    ]
    if other:
        raise CircuitError(f"{where}: the circuit is of another model: {', '.join(other)}")
    if not graph.shape.separable_heads:
        return
    absent = [key for key in ours if key not in cfg]
    if absent:
        raise CircuitError(f"{where}: cfg does not say {', '.join(absent)}")


def _node_problems(nodes: Mapping[str, Any], graph: Graph, where: str) -> list[PathPatchError]:
    unknown = [n for n in nodes if n not in graph.index and not _is_missing_mlp(n, graph)]
    problems: list[PathPatchError] = []
    if unknown:
        verb = "node is" if len(unknown) == 1 else "nodes are"
        shown = listed([f'"{name}"' for name in unknown])
        what = f"{where}: {len(unknown):,} {verb} not in this model: {shown}"
        problems.append(CircuitError(what, unknown))
    shapeless = [
        name
        for name, node in nodes.items()
        if not isinstance(node.get("in_graph") if isinstance(node, dict) else node, bool)
    ]
    if shapeless:
        what = f"{where}: in_graph must be true or false. It is not for {listed(shapeless)}"
        problems.append(CircuitError(what, shapeless))
    return problems


def _is_missing_mlp(name: str, graph: Graph) -> bool:
    """EAP-IG's graphs have an MLP in every layer, even of a model of attention only."""
    layers = range(graph.shape.n_layers)
    return graph.shape.attn_only and name in {f"m{layer}" for layer in layers}


def _of_a_missing_mlp(name: str, entry: Mapping[str, Any], graph: Graph) -> bool:
    ends = (part.strip() for part in name.split("->"))
    return entry.get("in_graph") is False and any(_is_missing_mlp(end, graph) for end in ends)


def _entry_problems(found: Found, edges: Edges, where: str) -> list[PathPatchError]:
    unsaid = [edges.names[n] for n, entry in found if not isinstance(entry.get("in_graph"), bool)]
    texts = [
        edges.names[number]
        for number, entry in found
        if not all(_is_score(value) for value in _entry_scores(entry).values())
    ]
    problems: list[PathPatchError] = []
    if unsaid:
        what = f"{where}: in_graph must be true or false. It is not for {listed(unsaid)}"
        problems.append(CircuitError(what, unsaid))
    if texts:
        what = f"{where}: a score must be a number. It is not for {listed(texts)}"
        problems.append(CircuitError(what, texts))
    return problems


def _is_score(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _entry_scores(entry: Mapping[str, Any]) -> dict[str | None, Any]:
    """Scores by method; None: the one called `score`."""
    several = entry.get("scores")
    found: dict[str | None, Any] = dict(several) if isinstance(several, dict) else {}
    if "score" in entry:
        found[None] = entry["score"]
    return found


def _scores(found: Found, method: str, n_edges: int) -> dict[str, Scores]:
    values: dict[str, Scores] = {}
    for number, entry in found:
        for name, score in _entry_scores(entry).items():
            key = method if name is None else name
            if key not in values:
                values[key] = np.full(n_edges, math.nan)
            values[key][number] = math.nan if score is None else score
    return values


def graph_of_cfg(data: object, where: str) -> Graph:
    """The graph of the model that a graph JSON is of, by what the file says itself."""
    cfg, nodes, entries = _sections(data, where)
    said = [cfg.get(key) for key in ("n_layers", "n_heads", "d_model")]
    sizes = [size for size in said if isinstance(size, int) and size >= 0]
    if len(sizes) < len(said):
        raise CircuitError(f"{where}: cfg does not say n_layers, n_heads and d_model")
    n_layers, n_heads, d_model = sizes
    if n_layers * (n_heads + 1) > MOST_NODES:
        raise CircuitError(
            f"{where}: {n_layers:,} layers of {n_heads:,} heads are more than {MOST_NODES:,} nodes "
            "(a file without its model is read up to there)"
        )
    named = {part.partition("<")[0] for name in entries for part in name.split("->")} | set(nodes)
    return Graph(
        ModelShape(
            n_layers=n_layers,
            n_heads=n_heads,
            d_model=d_model,
            d_head=1,
            d_vocab=1,
            n_ctx=1,
            attn_only="m0" not in named,
            parallel=bool(cfg.get("parallel_attn_mlp")),
            separable_heads="a0" not in named,
        )
    )

"""The graph JSON of EAP-IG and MIB, and our superset of it, as data.

    {"cfg":   {"n_layers": 12, "n_heads": 12, "parallel_attn_mlp": false, "d_model": 768},
     "nodes": {"a0.h0": {"in_graph": true}, ...},
     "edges": {"a0.h0->a1.h2<k>": {"score": 0.1, "in_graph": true}, ...}}

A node may have a `score`, `neurons` (which of them are in the graph) and `neurons_scores`; older
files write `"a0.h0": true`. Ours adds, at places that EAP-IG's loader passes over:

    "format": "pathpatch_runner circuit",
    "method": "eap",                          what `score` is, for `select: {by: eap}`
    "about":  {"metric": ..., "model": ...}   where the scores are from
    "edges":  {"a0.h0->a1.h2<k>": {..., "scores": {"eap": 0.1, "exact": 0.2}}}

A graph JSON holds everything of a file of EAP-IG's, so that reading and writing one loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pathpatch_runner.circuit.edges import Mask, Scores, edges_of
from pathpatch_runner.circuit.scores import EdgeScores
from pathpatch_runner.graph import Graph, ModelShape, NodeKind

FORMAT = "pathpatch_runner circuit"
UNNAMED = "score"
"""The name of the scores of a file that does not say its method."""


@dataclass(frozen=True)
class GraphFile:
    """`chosen`: the edges that are in the circuit. `listed`: those that the file names, in the
    order of `order`. `nodes`: name -> what the file says of a node. `cfg`: the model's sizes as the
    file says them ({} where it says none). `method`: the name of the scores it writes as `score`.
    """

    graph: Graph
    chosen: Mask
    order: tuple[int, ...]
    scores: Mapping[str, Scores] = field(default_factory=dict)
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cfg: Mapping[str, Any] = field(default_factory=dict)
    method: str = UNNAMED
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def edge_scores(self) -> EdgeScores:
        """The scores of the file, by method."""
        return EdgeScores(self.graph, self.scores)


def cfg_of(shape: ModelShape) -> dict[str, Any]:
    """The sizes as EAP-IG names them."""
    return {
        "n_layers": shape.n_layers,
        "n_heads": shape.n_heads,
        "parallel_attn_mlp": shape.parallel,
        "d_model": shape.d_model,
    }


def graph_data(file: GraphFile) -> dict[str, Any]:
    """The file as JSON data. Keys of ours are there only where there is something to say."""
    own: dict[str, Any] = {}
    if file.method != UNNAMED or len(file.scores) > 1 or file.about:
        own = {"format": FORMAT, "method": file.method, "about": dict(file.about)}
    return {
        **own,
        "cfg": dict(file.cfg) or cfg_of(file.graph.shape),
        "nodes": {name: dict(node) for name, node in (file.nodes or _nodes(file)).items()},
        "edges": dict(_edges(file)),
    }


def _nodes(file: GraphFile) -> dict[str, dict[str, Any]]:
    """Nodes as EAP-IG has them: with an MLP in every layer, whether the model has them or not."""
    edges = edges_of(file.graph)
    names = [node.name for node in file.graph.nodes]
    inside = {
        names[node]
        for ends in (edges.writer, edges.reader)
        for node in np.unique(ends[file.chosen]).tolist()
    }
    every = list(names[:-1])
    if file.graph.shape.attn_only:
        kinds = file.graph.nodes
        every = ["input"]
        for layer in range(file.graph.shape.n_layers):
            every += [n.name for n in kinds if n.layer == layer and n.kind is not NodeKind.mlp]
            every.append(f"m{layer}")
    return {name: {"in_graph": name in inside} for name in [*every, names[-1]]}


def _edges(file: GraphFile) -> dict[str, dict[str, Any]]:
    names = edges_of(file.graph).names
    main = file.scores.get(file.method)
    several = len(file.scores) > 1
    found = {}
    for number in file.order:
        edge: dict[str, Any] = {"score": 0.0 if main is None else float(main[number])}
        edge["in_graph"] = bool(file.chosen[number])
        if several:
            edge["scores"] = {m: float(values[number]) for m, values in file.scores.items()}
        found[names[number]] = edge
    return found

"""Edge effects of a run as the graph JSON that EAP-IG's `Graph.from_json` reads.

    {"cfg": {"n_layers", "n_heads", "parallel_attn_mlp", "d_model"},
     "nodes": {"a0.h0": {"in_graph": false}, ...},
     "edges": {"a0.h0->a1.h0<q>": {"score": 0.1, "in_graph": false}, ...}}

An *edge effect* is a row of unit `path` whose set is one edge and everything downstream of it:
`s->r<q>=>logits`, or `s->logits`. All other rows are left out. EAP-IG's score estimates how the
metric changes when an edge carries corrupt, which is exactly the effect of `noising`. Edges that
the run did not measure are left out of the file: EAP-IG reads them as 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pathpatch_runner.errors import StoreError, did_you_mean
from pathpatch_runner.store import RunDirectory
from pathpatch_runner.store.atomic import write_text

_HEAD = r"a\d+\.h\d+"
EDGE = re.compile(
    rf"(?P<sender>input|{_HEAD}|m\d+)->(?:(?P<receiver>{_HEAD}<[qkv]>|m\d+)=>logits|logits)"
)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """Which rows, and how many of the largest |scores| are marked as the circuit."""

    metric: str | None = None
    direction: str = "noising"
    hypothesis: str | None = None
    top: int = 0


def export_graph(run: Path, file: Path, choice: Choice) -> int:
    """Write the graph of a run to `file`; returns how many edges it has. Raises StoreError."""
    directory = RunDirectory(run)
    manifest = directory.load_manifest()
    shape = manifest.provenance.config.get("shape")
    if not isinstance(shape, dict):
        raise StoreError(
            f'"{run}" does not say the shape of its model. Run it again with runtime.force=true'
        )
    rows = pq.read_table(run / "summary.parquet").to_pylist()
    graph = graph_of(shape, rows, choice)
    write_text(file, json.dumps(graph, indent=1) + "\n")
    return len(graph["edges"])


def graph_of(shape: Mapping[str, Any], rows: Sequence[Row], choice: Choice) -> dict[str, Any]:
    """The graph as JSON data. `shape`: a ModelShape's fields. Raises StoreError for no edges."""
    if not shape["separable_heads"]:
        raise StoreError("EAP-IG's graph has heads, and the heads of this model are not separable")
    scores = edge_scores(rows, choice)
    kept = sorted(scores, key=lambda edge: -abs(scores[edge]))[: choice.top]
    in_graph = {node for edge in kept for node in _ends(edge)}
    return {
        "cfg": {
            "n_layers": shape["n_layers"],
            "n_heads": shape["n_heads"],
            "parallel_attn_mlp": shape["parallel"],
            "d_model": shape["d_model"],
        },
        "nodes": {name: {"in_graph": name in in_graph} for name in _nodes(shape)},
        "edges": {
            edge: {"score": score, "in_graph": edge in kept} for edge, score in scores.items()
        },
    }


def edge_scores(rows: Sequence[Row], choice: Choice) -> dict[str, float]:
    """Mean effect by EAP-IG's name of the edge. Raises StoreError for none, or two of a name."""
    metric = _metric(rows, choice.metric)
    scores: dict[str, float] = {}
    for row in rows:
        edge = _edge(row)
        if (
            edge is None
            or row["metric"] != metric
            or row["direction"] != choice.direction
            or choice.hypothesis not in (None, row["hypothesis"])
        ):
            continue
        if edge in scores and scores[edge] != row["effect_mean"]:
            raise StoreError(
                f'edge "{edge}" is in two hypotheses, with different effects. Say --hypothesis'
            )
        scores[edge] = row["effect_mean"]
    if not scores:
        raise StoreError(
            f"the run has no edge effects ({metric}, {choice.direction}). They are rows of unit "
            'path whose expression is "s -> r<q> => logits" or "s -> logits"'
        )
    return scores


def _metric(rows: Sequence[Row], wanted: str | None) -> str:
    there = list(dict.fromkeys(str(row["metric"]) for row in rows))
    if wanted is None and len(there) == 1:
        return there[0]
    if wanted is None or wanted not in there:
        said = "none chosen" if wanted is None else f'the run has no "{wanted}"'
        raise StoreError(
            f"--metric: {said}.{did_you_mean(wanted or '', there)} It has: {', '.join(there)}"
        )
    return wanted


def _edge(row: Row) -> str | None:
    match = EDGE.fullmatch(row["path"]) if row["unit"] == "path" else None
    return match and f"{match['sender']}->{match['receiver'] or 'logits'}"


def _ends(edge: str) -> tuple[str, str]:
    sender, _, receiver = edge.partition("->")
    return sender, receiver.partition("<")[0]


def _nodes(shape: Mapping[str, Any]) -> list[str]:
    """EAP-IG's nodes: with MLPs, whether the model has them or not."""
    names = ["input"]
    for layer in range(shape["n_layers"]):
        names += [f"a{layer}.h{head}" for head in range(shape["n_heads"])]
        names.append(f"m{layer}")
    return [*names, "logits"]

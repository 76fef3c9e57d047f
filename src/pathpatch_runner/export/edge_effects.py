"""A run's effects of single edges as a circuit file.

An *edge effect* is a row of unit `path` whose set is one edge and everything downstream of it:
`s->r<q>=>logits`, or `s->logits`. All other rows are left out. EAP-IG's score estimates how the
metric changes when an edge carries corrupt, which is exactly the effect of `noising`. Edges that
the run did not measure are left out of the file: EAP-IG reads them as 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pathpatch_runner.circuit import GraphFile, edges_of
from pathpatch_runner.circuit.graph_file import UNNAMED
from pathpatch_runner.errors import StoreError, did_you_mean
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.store import RunDirectory

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


def run_graph(run: Path, choice: Choice) -> GraphFile:
    """The edge effects of a run. Raises StoreError where it has none."""
    directory = RunDirectory(run)
    manifest = directory.load_manifest()
    rows = directory.read_table("summary.parquet").to_pylist()
    config = manifest.provenance.config
    about = {
        "run_key": manifest.run_key,
        "experiment": manifest.experiment,
        "direction": choice.direction,
        "metric": metric_of(rows, choice.metric),
    }
    return graph_of(graph_of_run(run, config), rows, choice, about)


def graph_of_run(run: Path, config: Mapping[str, Any]) -> Graph:
    """The graph of the model of a run, by its manifest's config. Raises StoreError."""
    shape = config.get("shape")
    if not isinstance(shape, dict):
        raise StoreError(
            f'"{run}" does not say the shape of its model. Run it again with runtime.force=true'
        )
    return Graph(ModelShape(**shape))


def graph_of(
    graph: Graph, rows: Sequence[Row], choice: Choice, about: Mapping[str, Any]
) -> GraphFile:
    """The edge effects among the rows of a summary. Raises StoreError for none."""
    edges = edges_of(graph)
    effects = edge_scores(rows, choice)
    scores = np.full(len(edges), np.nan)
    order = tuple(edges.index[name] for name in effects)
    scores[list(order)] = list(effects.values())
    largest = sorted(order, key=lambda number: -abs(scores[number]))[: choice.top]
    return GraphFile(graph, edges.mask(largest), order, {UNNAMED: scores}, about=about)


def edge_scores(rows: Sequence[Row], choice: Choice) -> dict[str, float]:
    """Mean effect by EAP-IG's name of the edge. Raises StoreError for none, or two of a name."""
    metric = metric_of(rows, choice.metric)
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


def metric_of(rows: Sequence[Row], wanted: str | None) -> str:
    """The wanted metric, or the only one there is. Raises StoreError."""
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

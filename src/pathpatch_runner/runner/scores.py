"""The scores that an experiment asks for: made before its circuits are chosen by them.

Left behind: `scores.parquet`, and for edges a graph JSON a method, `scores.<method>.json`, as
EAP-IG's and MIB's loaders read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pathpatch_runner.circuit import EdgeScores, GraphFile, edges_of, graph_data
from pathpatch_runner.circuit.graph_file import cfg_of
from pathpatch_runner.circuit.scores import random_scores, sampled_edges
from pathpatch_runner.config import ExperimentConfig, Scored, ScoreMethod
from pathpatch_runner.effects import RunNames
from pathpatch_runner.effects.scores import Scores, mean_and_error, scores_table
from pathpatch_runner.execute.scoring import COMPUTED, Scoring, score, scoring_task
from pathpatch_runner.execute.task import Advance, Task
from pathpatch_runner.graph import Graph
from pathpatch_runner.runner.known import Known


@dataclass(frozen=True)
class RunScored:
    """`scores`: as the table has them. `edges`: to choose circuits by; no methods for nodes."""

    scores: Scores
    edges: EdgeScores

    def table(self, names: RunNames) -> pa.Table:
        """`scores.parquet`."""
        return scores_table(names, self.scores)

    def files(self, names: RunNames) -> Mapping[str, str]:
        """File name -> text of a graph JSON, one a method that has a score for every edge."""
        return {
            f"scores.{method}.json": _graph_json(self, method, names)
            for method, scores in self.edges.methods.items()
            if np.isfinite(scores).all()
        }


def score_run(
    config: ExperimentConfig, task: Task, scoring: Scoring, advance: Advance
) -> RunScored:
    """The scores by every method that the config names."""
    wanted = config.scores
    graph = Graph(task.model.shape)
    one = scoring_task(task, scored_metric(config))
    sizes = np.array([len(pair.points) for pair in task.pairs.pairs], dtype=np.float64)
    found = {}
    for method in wanted.methods:
        if method is ScoreMethod.random:
            drawn = random_scores(graph, config.seed)
            found[method.value] = (drawn, np.full(len(drawn), np.nan))
        else:
            assert method.value in COMPUTED
            sums = score(one, method.value, scoring, advance)
            found[method.value] = mean_and_error(sums, sizes)
    sender, receiver, slot = _rows(graph, wanted.of)
    of_edges = {name: mean for name, (mean, _) in found.items() if wanted.of is Scored.edges}
    table = Scores(
        one.metrics[0], wanted.direction, sender, receiver, slot, found, int(sizes.sum())
    )
    return RunScored(table, EdgeScores(graph, of_edges))


def scoring_of(config: ExperimentConfig, graph: Graph, backend: str, known: Known) -> Scoring:
    """What the config says of scores. `backend`: the executor of `exact`; `known`: for it."""
    wanted = config.scores
    sampled = None if wanted.sample is None else sampled_edges(graph, wanted.sample, config.seed)
    return Scoring(wanted.of, wanted.direction, wanted.steps, backend, sampled, known.units)


def scored_metric(config: ExperimentConfig) -> str:
    """The metric that scores are of: the first of the run's, where none is named."""
    return config.scores.metric or config.metrics[0]


def _rows(graph: Graph, of: Scored) -> tuple[list[str], list[str | None], list[str | None]]:
    """(sender, receiver, slot) of every edge or node."""
    names = [node.name for node in graph.nodes]
    if of is Scored.nodes:
        senders = names[: graph.logits]
        nothing: list[str | None] = [None] * len(senders)
        return senders, nothing, nothing
    edges = edges_of(graph)
    slots = [graph.nodes[r].slots[s] for r, s in zip(edges.reader, edges.slot, strict=True)]
    return (
        [names[node] for node in edges.writer],
        [names[node] for node in edges.reader],
        [name or None for name in slots],
    )


def _graph_json(scored: RunScored, method: str, names: RunNames) -> str:
    graph = scored.edges.graph
    count = len(edges_of(graph))
    about = {
        "metric": scored.scores.metric.name,
        "direction": scored.scores.direction.value,
        "model": names.model,
        "dataset": names.dataset,
        "run_key": names.run_key,
    }
    file = GraphFile(
        graph,
        chosen=np.ones(count, dtype=bool),
        order=tuple(range(count)),
        scores={method: scored.edges.methods[method]},
        cfg=cfg_of(graph.shape),
        method=method,
        about=about,
    )
    return json.dumps(graph_data(file)) + "\n"

"""Scores of every edge, or node, of the model on a task's pairs, by one method.

`exact` patches each alone and measures; the others are by gradient (`gradient.attribution`).
All estimate the same number: (patched - start) of the metric, summed over the points of a pair.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.circuit.alone import edges_alone, nodes_alone
from pathpatch_runner.circuit.edges import edges_of
from pathpatch_runner.config import Direction, Scored
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.gradient.attribution import METHODS
from pathpatch_runner.execute.gradient.drive import gradient_scores
from pathpatch_runner.execute.task import Advance, Task
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.graph import Graph
from pathpatch_runner.plan.compile import compile_plan

EXACT = "exact"
COMPUTED = (EXACT, *METHODS)
"""Methods that need the model."""


@dataclass(frozen=True)
class Scoring:
    """What to score by. `of`: edges or nodes. `steps`: of integrated gradients; `backend`: the
    executor of `exact`."""

    of: Scored
    direction: Direction
    steps: int
    backend: str


def scoring_task(task: Task, metric: str) -> Task:
    """The task with one of its metrics, and without position classes."""
    return dataclasses.replace(
        task,
        metrics=tuple(known for known in task.metrics if known.name == metric),
        classes=[[0] * len(pair.clean) for pair in task.pairs.pairs],
    )


def score(
    task: Task, method: str, scoring: Scoring, advance: Advance = lambda _: None
) -> np.ndarray:
    """[edge or node, pair], summed over the points of each pair: edges as `circuit.edges` numbers
    them, nodes in the order of the graph without the logits. `advance(n)` is called as n pairs (by
    gradient) or evaluations (`exact`) finish."""
    graph = Graph(task.model.shape)
    if method == EXACT:
        return _exact(task, graph, scoring, advance)
    found = gradient_scores(task, method, scoring.steps, scoring.direction, advance)
    if scoring.of is Scored.edges:
        return found
    sums = np.zeros((graph.logits, found.shape[1]))
    np.add.at(sums, edges_of(graph).writer, found)
    return sums


def scoring_evaluations(task: Task, scoring: Scoring, methods: Sequence[str]) -> int:
    """What `score` advances by for all methods, of those that need the model."""
    graph = Graph(task.model.shape)
    rows = len(edges_of(graph)) if scoring.of is Scored.edges else graph.logits
    return sum(
        len(task.pairs.pairs) * task.source.draws * (rows if method == EXACT else 1)
        for method in methods
        if method in COMPUTED
    )


def _exact(task: Task, graph: Graph, scoring: Scoring, advance: Advance) -> np.ndarray:
    alphabet, owners = Alphabet(graph), _owners(task.pairs)
    parts: list[np.ndarray] = []
    # The readers of one stage at a time: a plan of all edges of a large model would be large.
    groups = (
        (sets for _, sets in edges_alone(edges_of(graph)))
        if scoring.of is Scored.edges
        else [nodes_alone(graph)]
    )
    for path_sets in groups:
        plan = compile_plan(path_sets, alphabet)
        measured = evaluate(scoring.backend, task, plan, [scoring.direction], advance)
        noising = scoring.direction is Direction.noising
        start = measured.clean if noising else measured.corrupt
        effects = measured.patched[scoring.direction][:, 0] - start[0]
        sums = np.zeros((len(path_sets), len(task.pairs.pairs)))
        np.add.at(sums.T, owners, effects.T)
        parts.append(sums)
    return np.concatenate(parts)


def _owners(pairs: PairSet) -> np.ndarray:
    """[point]: the pair of every evaluation point."""
    return np.repeat(np.arange(len(pairs.pairs)), [len(pair.points) for pair in pairs.pairs])

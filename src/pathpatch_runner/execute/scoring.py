"""Scores of every edge, or node, of the model on a task's pairs, by one method.

`exact` patches each alone and measures; the others are by gradient (`gradient.attribution`).
All estimate the same number: (patched - start) of the metric, summed over the points of a pair.
Where `exact` on every edge would take hours, it is done for a random sample of them: enough to say
how well another method ranks edges.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pathpatch_runner.circuit.alone import edges_alone, nodes_alone
from pathpatch_runner.circuit.edges import Numbers, edges_of
from pathpatch_runner.config import Direction, Scored
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.delta.proof import Proof, prove
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.gradient.attribution import METHODS, runs_of
from pathpatch_runner.execute.gradient.drive import gradient_scores
from pathpatch_runner.execute.ready import KeptBatches
from pathpatch_runner.execute.task import Advance, Task
from pathpatch_runner.execute.units import Units
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.canonical import canonical
from pathpatch_runner.graph import Graph
from pathpatch_runner.plan.compile import compile_plan

EXACT = "exact"
COMPUTED = (EXACT, *METHODS)
"""Methods that need the model."""

PLANNED = 4096
"""Path sets from which on a plan is evaluated."""


@dataclass(frozen=True)
class Scoring:
    """What to score by. `of`: edges or nodes. `steps`: of integrated gradients; `backend`: the
    executor of `exact`; `sampled`: numbers of the edges it is done for, None for all; `known`: what
    is known of path sets on some pairs, given their names for messages; None: nothing."""

    of: Scored
    direction: Direction
    steps: int
    backend: str
    sampled: Numbers | None = None
    known: Callable[[PairSet, Sequence[PathSet], Callable[[int], str]], Units] | None = None

    def evaluated(self, graph: Graph) -> int:
        """How many edges or nodes are patched for `exact`."""
        if self.of is Scored.nodes:
            return graph.logits
        return len(edges_of(graph)) if self.sampled is None else len(self.sampled)


def scoring_task(task: Task, metric: str) -> Task:
    """The task with one of its metrics, and without position classes."""
    return dataclasses.replace(
        task,
        metrics=tuple(known for known in task.metrics if known.name == metric),
        classes=[[0] * len(pair.clean) for pair in task.pairs.pairs],
    )


def check_gradients(task: Task, methods: Sequence[str], proof: Proof | None) -> None:
    """Raise ExecutionError where a method needs gradients that cannot be had of this model.

    Gradients come from our own statement of the model, `model.nodes`, as `delta` does, and so need
    the same proof. `proof`: the one made already, None if the executor needed none.
    """
    needed = [method for method in methods if method in METHODS]
    if not needed:
        return
    failure = (proof or prove(task)).failure
    if failure is not None:
        raise ExecutionError(
            f"scores.methods: {', '.join(needed)} cannot be had of this model: our own statement "
            f"of it, which gradients go through, does not hold: {failure}. Use scores.methods: "
            "[exact], which patches the model itself"
        )


def score(
    task: Task, method: str, scoring: Scoring, advance: Advance = lambda _: None
) -> np.ndarray:
    """[edge or node, pair], summed over the points of each pair: edges as `circuit.edges` numbers
    them, nodes in the order of the graph without the logits; NaN for edges outside the sample of
    `exact`. `advance(n)` is called as n evaluations finish: an edge patched on a pair (`exact`), or
    the gradients of one run on a pair."""
    graph = Graph(task.model.shape)
    with task.model.counting("scores"):
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
    shape = task.model.shape
    rows = scoring.evaluated(Graph(shape))
    return sum(
        len(task.pairs.pairs)
        * task.source.draws
        * (rows if method == EXACT else runs_of(method, scoring.steps, shape))
        for method in methods
        if method in COMPUTED
    )


def _exact(task: Task, graph: Graph, scoring: Scoring, advance: Advance) -> np.ndarray:
    alphabet, owners = Alphabet(graph), _owners(task.pairs)
    rows = graph.logits if scoring.of is Scored.nodes else len(edges_of(graph))
    found = np.full((rows, len(task.pairs.pairs)), np.nan)
    kept = KeptBatches()
    for numbers, path_sets in _alone(graph, scoring):
        plan = compile_plan(path_sets, alphabet)
        name = partial(_name, path_sets, graph)
        units = None if scoring.known is None else scoring.known(task.pairs, path_sets, name)
        measured = evaluate(scoring.backend, task, plan, [scoring.direction], advance, units, kept)
        noising = scoring.direction is Direction.noising
        start = measured.clean if noising else measured.corrupt
        effects = measured.patched[scoring.direction][:, 0] - start[0]
        sums = np.zeros((len(path_sets), len(task.pairs.pairs)))
        np.add.at(sums.T, owners, effects.T)
        found[numbers] = sums
    return found


def _name(path_sets: Sequence[PathSet], graph: Graph, number: int) -> str:
    return canonical(path_sets[number], graph)


def _alone(graph: Graph, scoring: Scoring) -> Iterator[tuple[Numbers, list[PathSet]]]:
    """(numbers, path sets) of what is patched for `exact`, about `PLANNED` together: a plan of all
    edges of a large model would be large."""
    if scoring.of is Scored.nodes:
        yield np.arange(graph.logits), nodes_alone(graph)
        return
    waiting: list[Numbers] = []
    sets: list[PathSet] = []
    for numbers, path_sets in edges_alone(edges_of(graph)):
        wanted = scoring.sampled
        kept = np.arange(len(numbers)) if wanted is None else np.isin(numbers, wanted).nonzero()[0]
        waiting.append(numbers[kept])
        sets += [path_sets[number] for number in kept]
        if len(sets) >= PLANNED:
            yield np.concatenate(waiting), sets
            waiting, sets = [], []
    if sets:
        yield np.concatenate(waiting), sets


def _owners(pairs: PairSet) -> np.ndarray:
    """[point]: the pair of every evaluation point."""
    return np.repeat(np.arange(len(pairs.pairs)), [len(pair.points) for pair in pairs.pairs])

"""The loop over batches and noise draws for scores by gradient.

As many pairs at once as the budget holds: what every writer changes, the tape of one run, and the
gradients of one layer's slots, all of one batch, are alive together.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import group_by_length
from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.batch import Batch, make_batch
from pathpatch_runner.execute.delta.executor import budget_elements
from pathpatch_runner.execute.delta.runs import Runs, plain_runs_of
from pathpatch_runner.execute.gradient.attribution import Ground, attribute
from pathpatch_runner.execute.readout import Readout
from pathpatch_runner.execute.task import Advance, Task
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.model.nodes import NodeFunctions, node_functions
from pathpatch_runner.plan.memory import plain_elements


def gradient_scores(
    task: Task, method: str, steps: int, direction: Direction, advance: Advance = lambda _: None
) -> np.ndarray:
    """Scores [edge, pair] of the task's one metric, summed over the points of each pair.
    `advance(n)` is called as the gradients of another run of n pairs are taken.

    Raises ExecutionError where not one pair fits the budget, and for values that are not numbers.
    """
    assert len(task.metrics) == 1, "scores are of one metric"
    graph = Graph(task.model.shape)
    found: np.ndarray | None = None
    for batch, chosen in _batches(task):
        functions = node_functions(task.model, batch.where.length)
        for draw in range(task.source.draws):
            ground = _ground(task, graph, functions, batch, draw, direction)
            told = partial(advance, batch.n_pairs)
            scores = attribute(ground, method, steps, told).cpu().numpy()
            if found is None:
                found = np.zeros((len(scores), len(task.pairs.pairs)))
            found[:, chosen] += scores / task.source.draws
    assert found is not None
    _check_finite(found, task)
    return found


def _batches(task: Task) -> Iterator[tuple[Batch, list[int]]]:
    pairs, model = task.pairs.pairs, task.model
    for group in group_by_length(pairs):
        length = len(pairs[group[0]].clean)
        most = budget_elements(task) // gradient_elements(model.shape, length)
        if most < 1:
            raise ExecutionError(
                f"scores of a pair of {length} tokens need more than runtime.memory_gb allows. "
                "Give it more, or use shorter prompts"
            )
        for start in range(0, len(group), most):
            chosen = group[start : start + most]
            yield make_batch(pairs, chosen, task.classes, model.device), chosen


def gradient_elements(shape: ModelShape, length: int) -> int:
    """Elements alive at once for one pair: changes of all writers, both plain runs, the tape with
    its attention patterns and MLP activations, and four copies of one layer's slots."""
    heads = shape.n_heads if shape.separable_heads else 1
    writers = 1 + shape.n_layers * (heads + (not shape.attn_only))
    stream = length * shape.d_model
    tape = 12 * stream + 8 * length * shape.n_heads * shape.d_head
    tape += 4 * shape.n_heads * length * length
    tape += (6 if shape.gated_mlp else 4) * length * shape.d_mlp
    logits = 4 * length * shape.n_logits
    slots = 4 * (3 * shape.n_heads) * stream
    runs = plain_elements(shape, length)
    return writers * stream + runs + shape.n_layers * tape + slots + logits


def _ground(
    task: Task,
    graph: Graph,
    functions: NodeFunctions,
    batch: Batch,
    draw: int,
    direction: Direction,
) -> Ground:
    with torch.no_grad():
        task.model.count_pass()
        clean_first = plain_runs_of(task, functions, batch, draw)
    runs = clean_first if direction is Direction.noising else clean_first.swapped()
    measure = _Measure(task, functions, batch, clean_first)
    return Ground(graph, functions, runs, measure, task.model.count_pass)


class _Measure:
    """The metric of a final stream, summed over the evaluation points of the batch."""

    def __init__(
        self, task: Task, functions: NodeFunctions, batch: Batch, clean_first: Runs
    ) -> None:
        self._readout = Readout(batch, task.metrics)
        self._part = functions.logits
        self._batch = batch
        with torch.no_grad():
            self._readout.remember_clean(self._logits(clean_first.stream[-1][0]))

    def _logits(self, stream: torch.Tensor) -> torch.Tensor:
        rows = stream[self._batch.rows, self._batch.positions]
        return self._part.logits(self._part.norm(rows))

    def __call__(self, stream: torch.Tensor) -> torch.Tensor:
        """`stream` [B, T, d_model]."""
        logits = self._logits(stream)[None]
        return self._readout.measure(logits, self._readout.all_points).sum()


def _check_finite(scores: np.ndarray, task: Task) -> None:
    bad = np.flatnonzero(~np.isfinite(scores).all(axis=0))
    if len(bad):
        pair = task.pairs.pairs[int(bad[0])].pair_id
        raise ExecutionError(
            f'gradients of pair "{pair}" are NaN or infinite. Try model.dtype float32 (or '
            "float64), and check the weights file"
        )

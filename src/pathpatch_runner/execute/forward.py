"""Evaluate every unit of a plan on every pair, in both directions asked for, with `hooks`.

Pairs are taken by length, then in chunks; units in chunks; each (pairs, units) chunk is one
forward pass per direction and noise draw. Results do not depend on the chunks.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import group_by_length
from pathpatch_runner.execute.batch import Batch, make_batch
from pathpatch_runner.execute.hooks import run_worlds
from pathpatch_runner.execute.measure import measure
from pathpatch_runner.execute.memory import chunk_pairs, chunk_units, entries_per_pass
from pathpatch_runner.execute.prompts import Prompts, prompts_of
from pathpatch_runner.execute.task import Advance, Measured, Task, empty_measured
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.subplan import subplan
from pathpatch_runner.plan.worlds import lay_out


def batches_of(task: Task, widest: int) -> list[Batch]:
    """All pairs in batches, so that `widest` worlds of one batch fit the budget."""
    pairs, model = task.pairs.pairs, task.model
    found = []
    for group in group_by_length(pairs):
        length = len(pairs[group[0]].clean)
        most = entries_per_pass(model.shape, length, model.dtype, task.budget)
        for chunk in chunk_pairs(len(group), widest, most, length):
            chosen = [group[i] for i in chunk]
            found.append(make_batch(pairs, chosen, task.classes, model.device))
    return found


def evaluate(
    task: Task, plan: Plan, directions: Sequence[Direction], advance: Advance = lambda _: None
) -> Measured:
    """Values of all units, in the plan's order. `advance(n)` is called as evaluations finish."""
    measured = empty_measured(task, len(plan.outputs), directions)
    extra = [lay_out(subplan(plan, [unit])).count - 2 for unit in range(len(plan.outputs))]
    for batch in batches_of(task, max(extra, default=0) + 2):
        _Evaluator(task, plan, batch, measured, advance).run(directions, extra)
    return measured


class _Evaluator:
    """All units on one batch."""

    def __init__(
        self, task: Task, plan: Plan, batch: Batch, measured: Measured, advance: Advance
    ) -> None:
        self._task = task
        self._plan = plan
        self._batch = batch
        self._measured = measured
        self._advance = advance

    def run(self, directions: Sequence[Direction], extra: Sequence[int]) -> None:
        """Fill in the measured values of the batch."""
        batch, model = self._batch, self._task.model
        most = entries_per_pass(model.shape, batch.clean.shape[1], model.dtype, self._task.budget)
        chunks = chunk_units(extra, most // batch.n_pairs)
        for draw in range(self._task.source.draws):
            began = time.perf_counter()
            clean_logits = self._baseline(draw)
            self._measured.baseline_seconds += time.perf_counter() - began
            for chunk in chunks:
                part = subplan(self._plan, chunk)
                for direction in directions:
                    prompts = self._prompts(direction, draw)
                    self._patched(part, chunk, direction, prompts, clean_logits)

    def _prompts(self, direction: Direction, draw: int) -> Prompts:
        noise = self._task.source.noise(self._batch, draw)
        constants = self._task.source.constants(self._batch)
        return prompts_of(self._batch, direction, noise, constants)

    def _store(self, target: np.ndarray, values: np.ndarray) -> None:
        target[:, self._batch.numbers.cpu().numpy()] += values / self._task.source.draws

    def _baseline(self, draw: int) -> torch.Tensor:
        """Measure the plain runs; returns the clean logits [point, d_vocab]."""
        batch = self._batch
        noise = self._task.source.noise(batch, draw)
        plain = subplan(self._plan, [])
        run = run_worlds(
            self._task.model, plain, prompts_of(batch, Direction.noising, noise), batch.classes
        )
        self._measured.forward_passes += 1
        clean, corrupt = run.logits[:, batch.rows, batch.positions]
        measured, metrics = self._measured, self._task.metrics
        self._store(measured.clean, measure(metrics, clean, batch, clean))
        self._store(measured.corrupt, measure(metrics, corrupt, batch, clean))
        result: torch.Tensor = clean
        return result

    def _patched(
        self,
        part: Plan,
        units: Sequence[int],
        direction: Direction,
        prompts: Prompts,
        clean_logits: torch.Tensor,
    ) -> None:
        batch, task = self._batch, self._task
        run = run_worlds(task.model, part, prompts, batch.classes)
        self._measured.forward_passes += 1
        for number, unit in enumerate(units):
            logits = run.at(number, batch.rows, batch.positions, batch.classes)
            values = measure(task.metrics, logits, batch, clean_logits)
            self._store(self._measured.patched[direction][unit], values)
        self._advance(len(units) * batch.n_pairs)

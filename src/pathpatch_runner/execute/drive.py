"""The loop: every unit of a plan on every pair, in the directions asked for.

    lengths -> batches -> noise draws -> plain runs -> chunks of units -> directions -> Measured

Everything that is the same for all executors happens here and nowhere else: which pairs and which
units at once, halving a chunk that does not fit after all, averaging draws, refusing values that
are not numbers, counting forward passes, leaving out what is known already and keeping what is
found (`units`). Results depend on none of these choices, up to the last bits of the number format.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import group_by_length
from pathpatch_runner.execute.batch import Batch, make_batch
from pathpatch_runner.execute.executor import Executor, executor_named
from pathpatch_runner.execute.on_batch import OnBatch
from pathpatch_runner.execute.pace import Pace
from pathpatch_runner.execute.ready import KeptBatches, make_ready
from pathpatch_runner.execute.task import Advance, Measured, Task
from pathpatch_runner.execute.units import Portion, Units, Unknown
from pathpatch_runner.plan.plan import Plan


def evaluate(
    name: str,
    task: Task,
    plan: Plan,
    directions: Sequence[Direction],
    advance: Advance = lambda _: None,
    units: Units | None = None,
    kept: KeptBatches | None = None,
) -> Measured:
    """Values of all units, in the plan's order, by the executor of that name.

    `advance(n)` is called as n evaluations (unit, pair, direction, draw) finish or turn out to be
    known (`pace`). `units`: what is known of the plan's units; None: nothing. `kept`: plain runs of
    earlier plans, to which those of this one are added; None: none are kept. Raises
    ExecutionError for logits or values that are not numbers, where not even one unit on one pair
    fits, and where the device fails.
    """
    with torch.no_grad():
        executor = executor_named(name)(task, plan)
        pace = Pace(task, executor.work(), directions, advance)
        loop = _Loop(task, plan, directions, pace, units or Unknown())
        for batch in batches_of(task, plan, executor):
            for draw in range(task.source.draws):
                loop.run(batch, executor, draw, kept)
        pace.finish()
    return loop.measured()


def batches_of(task: Task, plan: Plan, executor: Executor) -> Iterator[Batch]:
    """All pairs, those of one length together, as many at once as the executor takes."""
    pairs = task.pairs.pairs
    for group in group_by_length(pairs):
        most = executor.pairs_at_once(len(pairs[group[0]].clean))
        for start in range(0, len(group), most):
            yield make_batch(
                pairs,
                group[start : start + most],
                task.classes,
                task.model.device,
                n_classes=plan.n_classes,
                everywhere=task.source.differs_everywhere,
            )


class _Loop:
    """The values found so far."""

    def __init__(
        self, task: Task, plan: Plan, directions: Sequence[Direction], pace: Pace, units: Units
    ) -> None:
        self._task = task
        self._plan = plan
        self._pace = pace
        self._units = units
        shape = (len(task.metrics), sum(len(pair.points) for pair in task.pairs.pairs))
        self._clean, self._corrupt = np.zeros(shape), np.zeros(shape)
        self._right = np.zeros((2, shape[1]))
        self._patched = {direction: np.zeros((plan.n_units, *shape)) for direction in directions}
        self._plain_seconds = 0.0

    def run(self, batch: Batch, executor: Executor, draw: int, kept: KeptBatches | None) -> None:
        """All units on one batch, for one draw."""
        began = time.perf_counter()
        ready = None if kept is None else kept.of(batch, draw)
        if ready is None:
            with self._task.model.counting("plain runs"):
                ready = make_ready(self._task, batch, executor, draw)
            if kept is not None:
                kept.keep(ready, draw)
        numbers = batch.numbers.cpu().numpy()
        for total, each in zip((self._clean, self._corrupt), ready.values, strict=True):
            total[:, numbers] += each / self._task.source.draws
        self._right[:, numbers] += ready.right / self._task.source.draws
        self._plain_seconds += time.perf_counter() - began
        taken = 0 if kept is None else kept.beside(ready)
        here = OnBatch(self._task, self._plan, self._units, ready, taken)
        self._patch(here, self._portions(batch, numbers, draw))

    def _portions(self, batch: Batch, numbers: np.ndarray, draw: int) -> list[Portion]:
        metrics = tuple(metric.name for metric in self._task.metrics)
        points = tuple(numbers.tolist())
        return [Portion(d, draw, metrics, points, batch.n_pairs) for d in self._patched]

    def _patch(self, here: OnBatch, portions: Sequence[Portion]) -> None:
        """Every unit in every portion: what is known of it, else what is found."""
        left = {portion: self._left(portion, here.batch) for portion in portions}
        if not any(unknown.any() for unknown in left.values()):
            return
        for chunk in here.chunks():
            for portion, unknown in left.items():
                wanted = chunk.units[unknown[chunk.units]]
                done = self._pace.chunk(wanted, here.batch)
                with self._task.model.counting("execute"):
                    for units, values in here.patched(chunk, wanted, portion.direction, done):
                        self._units.keep(units, portion, values)
                        self._put(units, portion, values)
                done(1.0)

    def _left(self, portion: Portion, batch: Batch) -> np.ndarray:
        """Bool [unit]: which are not known; the others are put where they belong."""
        known = self._units.recall(portion)
        left = np.ones(self._plan.n_units, dtype=bool)
        if len(known.units):
            left[known.units] = False
            self._put(known.units, portion, known.values)
            self._pace.chunk(known.units, batch)(1.0)
        return left

    def _put(self, units: np.ndarray, portion: Portion, values: np.ndarray) -> None:
        """`values` [unit, metric, point] of a portion, added to the mean over draws."""
        metrics = np.arange(values.shape[1])[:, None]
        where = (units[:, None, None], metrics, np.array(portion.points))
        self._patched[portion.direction][where] += values / self._task.source.draws

    def measured(self) -> Measured:
        """Everything found."""
        return Measured(
            clean=self._clean,
            corrupt=self._corrupt,
            patched=self._patched,
            passes=dict(self._task.model.passes),
            baseline_seconds=self._plain_seconds,
            right=self._right,
        )

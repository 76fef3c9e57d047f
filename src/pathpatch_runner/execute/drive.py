"""The loop: every unit of a plan on every pair, in the directions asked for.

    lengths -> batches -> noise draws -> plain runs -> chunks of units -> directions -> Measured

Everything that is the same for all executors happens here and nowhere else: which pairs and which
units at once, halving a chunk that does not fit after all, averaging draws, refusing values that
are not numbers, counting forward passes. Results depend on none of these choices.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import group_by_length
from pathpatch_runner.execute.batch import Batch, make_batch
from pathpatch_runner.execute.executor import Executor, Prepared, executor_named
from pathpatch_runner.execute.pace import Done, Pace
from pathpatch_runner.execute.readout import Readout
from pathpatch_runner.execute.task import Advance, Measured, Task
from pathpatch_runner.plan.chunk import Chunk, chunks_of, make_chunk
from pathpatch_runner.plan.plan import Plan

log = logging.getLogger(__name__)


def evaluate(
    name: str,
    task: Task,
    plan: Plan,
    directions: Sequence[Direction],
    advance: Advance = lambda _: None,
) -> Measured:
    """Values of all units, in the plan's order, by the executor of that name.

    `advance(n)` is called as n evaluations (unit, pair, direction, draw) finish (`pace`). Raises
    ExecutionError for logits that are not numbers, and where not even one unit on one pair fits.
    """
    with torch.no_grad():
        executor = executor_named(name)(task, plan)
        pace = Pace(task, executor.work(), directions, advance)
        loop = _Loop(task, plan, directions, pace)
        for batch in batches_of(task, plan, executor):
            for draw in range(task.source.draws):
                loop.run(batch, executor, draw)
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

    def __init__(self, task: Task, plan: Plan, directions: Sequence[Direction], pace: Pace) -> None:
        self._task = task
        self._plan = plan
        self._pace = pace
        shape = (len(task.metrics), sum(len(pair.points) for pair in task.pairs.pairs))
        self._clean, self._corrupt = np.zeros(shape), np.zeros(shape)
        self._right = np.zeros((2, shape[1]))
        self._patched = {direction: np.zeros((plan.n_units, *shape)) for direction in directions}
        self._plain_seconds = 0.0

    def run(self, batch: Batch, executor: Executor, draw: int) -> None:
        """All units on one batch, for one draw."""
        began = time.perf_counter()
        readout = Readout(batch, self._task.metrics)
        with self._task.model.counting("plain runs"):
            prepared = executor.prepare(batch, draw, readout)
            self._plain(batch, prepared)
        self._right[:, batch.numbers.cpu().numpy()] += (
            readout.right.cpu().numpy() / self._task.source.draws
        )
        self._plain_seconds += time.perf_counter() - began
        for chunk in chunks_of(self._plan, batch.where, prepared.size, prepared.room):
            for direction in self._patched:
                done = self._pace.chunk(chunk.units, batch)
                with self._task.model.counting("execute"):
                    self._evaluate(batch, prepared, chunk, direction, done)
                done(1.0)
        readout.check_finite()

    def _plain(self, batch: Batch, prepared: Prepared) -> None:
        values = prepared.plain().cpu().numpy() / self._task.source.draws
        numbers = batch.numbers.cpu().numpy()
        self._clean[:, numbers] += values[0]
        self._corrupt[:, numbers] += values[1]

    def _evaluate(
        self,
        batch: Batch,
        prepared: Prepared,
        chunk: Chunk,
        direction: Direction,
        done: Done = lambda _: None,
    ) -> None:
        try:
            values = prepared.patched(chunk, direction, done).cpu().numpy()
        except RuntimeError as error:
            if not _is_out_of_memory(error) or len(chunk.units) == 1:
                raise
            log.warning("out of memory with %d units at once: halved", len(chunk.units))
            for half in np.array_split(chunk.units, 2):
                self._evaluate(
                    batch, prepared, make_chunk(self._plan, half, batch.where), direction
                )
            return
        numbers = batch.numbers.cpu().numpy()
        metrics = np.arange(values.shape[1])[:, None]
        self._patched[direction][chunk.units[:, None, None], metrics, numbers] += (
            values / self._task.source.draws
        )

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


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.cuda.OutOfMemoryError) or "can't allocate memory" in str(error)

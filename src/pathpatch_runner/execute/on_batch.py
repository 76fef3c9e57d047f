"""An executor on one batch, for one draw, and everything that can go wrong with it.

Chunks that do not fit are halved; what fails is said with the units and the pairs it failed on.
Nothing that is not a number leaves this module.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.executor import Executor
from pathpatch_runner.execute.failures import (
    DoesNotFitError,
    device_failed,
    first_that_is_none,
    is_of_the_device,
    is_out_of_memory,
    not_numbers,
    units_text,
)
from pathpatch_runner.execute.pace import Done
from pathpatch_runner.execute.readout import Readout
from pathpatch_runner.execute.task import Task
from pathpatch_runner.execute.units import Units
from pathpatch_runner.plan.chunk import Chunk, chunks_of, make_chunk
from pathpatch_runner.plan.plan import Plan

log = logging.getLogger(__name__)
PLAIN = "the clean and the corrupt run"


class OnBatch:
    """`units`: by which messages call them."""

    def __init__(
        self, task: Task, plan: Plan, units: Units, batch: Batch, executor: Executor, draw: int
    ) -> None:
        self._task = task
        self._plan = plan
        self._units = units
        self.batch = batch
        self._readout = Readout(batch, task.metrics)
        with self._explained():
            self._prepared = executor.prepare(batch, draw, self._readout)

    def plain(self) -> tuple[np.ndarray, np.ndarray]:
        """Values [2, metric, point] of the clean and the corrupt run, and where they are right
        [2, point]. Asked first, once."""
        with self._explained():
            values: np.ndarray = self._prepared.plain().cpu().numpy()
        self._check(values, PLAIN)
        return values, self._readout.right.cpu().numpy()

    def chunks(self) -> Iterator[Chunk]:
        """All units of the plan, as many at once as fit."""
        return chunks_of(self._plan, self.batch.where, self._prepared.size, self._prepared.room)

    def patched(
        self, chunk: Chunk, wanted: np.ndarray, direction: Direction, done: Done = lambda _: None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(units, float64 values [unit, metric, point]) of those units of a chunk that are wanted:
        all at once where they fit. `done` is told which share of them is evaluated."""
        if not len(wanted):
            return
        if len(wanted) < len(chunk.units):
            chunk = self._chunk(wanted)
        values = self._values(chunk, direction, done)
        if values is not None:
            yield wanted, self._numbers(chunk, direction, values)
            return
        # Only here, outside of the handler: an error in hand holds the tensors of what failed.
        log.warning("out of memory with %d units at once: halved", len(wanted))
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        for half in np.array_split(wanted, 2):
            yield from self.patched(chunk, half, direction)

    def _chunk(self, units: np.ndarray) -> Chunk:
        return make_chunk(self._plan, units, self.batch.where)

    def _values(self, chunk: Chunk, direction: Direction, done: Done) -> np.ndarray | None:
        """None: several units that do not fit together."""
        try:
            with self._explained(chunk):
                values: np.ndarray = self._prepared.patched(chunk, direction, done).cpu().numpy()
        except DoesNotFitError:
            if len(chunk.units) == 1:
                raise
            return None
        return values

    def _numbers(self, chunk: Chunk, direction: Direction, values: np.ndarray) -> np.ndarray:
        """The values, if all are numbers. Else the units are evaluated again in halves, until
        there is one to name."""
        if len(chunk.units) == 1:
            self._check(values, self._names(chunk))
        elif self._readout.first_bad() is not None or first_that_is_none(values) is not None:
            for half in np.array_split(chunk.units, 2):
                for _ in self.patched(chunk, half, direction):
                    pass
            raise ExecutionError(
                f"{self._names(chunk)}, evaluated together, gave values that are NaN or infinite, "
                "and each half alone does not: the device cannot be relied on. Try another one"
            )
        return values

    def _check(self, values: np.ndarray, of: str) -> None:
        """Raise ExecutionError where logits, or values [..., metric, point], are not numbers."""
        point = self._readout.first_bad()
        if point is not None:
            raise not_numbers(f"logits of {of}", self.batch, point)
        bad = first_that_is_none(values)
        if bad is not None:
            metric = self._task.metrics[bad[0]].name
            raise not_numbers(f'values of metric "{metric}" of {of}', self.batch, bad[1])

    def _names(self, chunk: Chunk) -> str:
        return units_text(self._units.name(int(chunk.units[0])), len(chunk.units))

    @contextmanager
    def _explained(self, chunk: Chunk | None = None) -> Iterator[None]:
        """What fails in this block, with what it failed on: a chunk, or the plain runs."""
        try:
            yield
        except RuntimeError as error:
            what = PLAIN if chunk is None else self._names(chunk)
            if is_out_of_memory(error):
                raise DoesNotFitError(what, self.batch) from error
            if is_of_the_device(error):
                raise device_failed(error, what, self.batch) from error
            error.add_note(f'while evaluating {what} on pair "{self.batch.names[0]}" and others')
            raise

"""An executor on one batch, for one draw, and everything that can go wrong with it.

Chunks that do not fit are halved; what fails is said with the units and the pairs it failed on.
Nothing that is not a number leaves this module.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.failures import DoesNotFitError, first_that_is_none, units_text
from pathpatch_runner.execute.pace import Done
from pathpatch_runner.execute.ready import Ready, error_in, explained
from pathpatch_runner.execute.task import Task
from pathpatch_runner.execute.units import Units
from pathpatch_runner.plan.chunk import Chunk, chunks_of, make_chunk
from pathpatch_runner.plan.plan import Plan

log = logging.getLogger(__name__)


class OnBatch:
    """`units`: by which messages call them. `taken`: what others hold of the executor's room."""

    def __init__(self, task: Task, plan: Plan, units: Units, ready: Ready, taken: int) -> None:
        self._task = task
        self._plan = plan
        self._units = units
        self.batch = ready.batch
        self._readout = ready.readout
        self._prepared = ready.prepared
        self._room = ready.prepared.room - taken

    def chunks(self) -> Iterator[Chunk]:
        """All units of the plan, as many at once as fit."""
        return chunks_of(self._plan, self.batch.where, self._prepared.size, self._room)

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
            with explained(self.batch, self._names(chunk)):
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
        error = error_in(values, of, self._task, self.batch, self._readout)
        if error is not None:
            raise error

    def _names(self, chunk: Chunk) -> str:
        return units_text(self._units.name(int(chunk.units[0])), len(chunk.units))

"""Worlds under the loop: how many fit, the plain runs, one forward pass for a chunk of units.

Sizes are counted in *entries*: rows of the forward pass's batch, one prompt of one world each.
"""

from __future__ import annotations

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.hooks.passes import WorldRun, run_worlds
from pathpatch_runner.execute.memory import entries_per_pass
from pathpatch_runner.execute.pace import Done
from pathpatch_runner.execute.prompts import prompts_of
from pathpatch_runner.execute.readout import Readout
from pathpatch_runner.execute.task import Task
from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.worlds import Worlds, lay_out


class HooksExecutor:
    """The hooks executor of a task."""

    def __init__(self, task: Task, plan: Plan) -> None:
        self._task = task
        self._plain = plan.select(np.zeros(0, dtype=np.int64))
        # Units of one orbit need about as many worlds: heads may share keys or not.
        _, first, orbit_of = np.unique(plan.orbit_of, return_index=True, return_inverse=True)
        of_orbit = [lay_out(plan.select(np.array([unit]))).count for unit in first]
        self._widest = max(of_orbit, default=2)
        self._work = np.array(of_orbit, dtype=np.float64)[orbit_of]

    def pairs_at_once(self, length: int) -> int:
        """So many that the widest unit's worlds fit."""
        most = entries(self._task, length)
        if most < self._widest:
            raise ExecutionError(
                f"one pair of {length} tokens needs {self._widest} worlds in one pass, and the "
                f"memory budget holds {most}. Give a larger runtime.memory_gb, use shorter "
                "prompts, or split the hypothesis"
            )
        return most // self._widest

    def prepare(self, batch: Batch, draw: int, readout: Readout) -> HooksOnBatch:
        """This executor on a batch."""
        return HooksOnBatch(self._task, self._plain, batch, draw, readout)

    def work(self) -> np.ndarray:
        """[unit]: worlds."""
        return self._work


class HooksOnBatch:
    """The hooks executor on one batch, for one draw. `plain`: a plan of no units."""

    def __init__(self, task: Task, plain: Plan, batch: Batch, draw: int, readout: Readout) -> None:
        self._task = task
        self._no_units = plain
        self._batch = batch
        self._draw = draw
        self._readout = readout
        self._laid_out: tuple[Chunk, Worlds] | None = None

    @property
    def room(self) -> int:
        """Entries of one pass."""
        return entries(self._task, self._batch.clean.shape[1])

    @property
    def held(self) -> int:
        """Entries of the two plain runs; of them the logits are kept and nothing more."""
        return 2 * self._batch.n_pairs

    def size(self, chunk: Chunk) -> int:
        """Entries the chunk's worlds make."""
        return self._worlds(chunk).count * self._batch.n_pairs

    def _worlds(self, chunk: Chunk) -> Worlds:
        # Asked for its size and then, in each direction, evaluated.
        if self._laid_out is None or self._laid_out[0] is not chunk:
            self._laid_out = chunk, lay_out(chunk.plan)
        return self._laid_out[1]

    def plain(self) -> torch.Tensor:
        """Values [2, metric, point] of the clean and the corrupt run."""
        batch, readout = self._batch, self._readout
        run = self._run(self._no_units, lay_out(self._no_units), Direction.noising)
        logits = run.logits[:, batch.rows, batch.positions]
        return readout.plain(logits[0], logits[1])

    def patched(self, chunk: Chunk, direction: Direction, done: Done) -> torch.Tensor:
        """Values [unit, metric, point]."""
        batch, readout = self._batch, self._readout
        run = self._run(chunk.plan, self._worlds(chunk), direction, done)
        values = [
            readout.measure(
                run.at(unit, batch.rows, batch.positions, batch.classes)[None], readout.all_points
            )
            for unit in range(len(chunk.units))
        ]
        return torch.cat(values)

    def _run(
        self, plan: Plan, worlds: Worlds, direction: Direction, done: Done = lambda _: None
    ) -> WorldRun:
        source, batch = self._task.source, self._batch
        constants = source.constants(batch) if plan.n_units else None
        prompts = prompts_of(batch, direction, source.noise(batch, self._draw), constants)
        return run_worlds(self._task.model, plan, prompts, batch.classes, worlds, done)


def entries(task: Task, length: int) -> int:
    """Entries of `length` tokens that one pass may have."""
    return entries_per_pass(task.model.shape, length, task.model.dtype, task.budget)

"""Differences under the loop: how much fits, the plain runs, a chunk of units.

Sizes are counted in elements of tensors in the model's number format.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.delta.narrow import Narrow
from pathpatch_runner.execute.delta.outputs import Final, Measuring, Outputs
from pathpatch_runner.execute.delta.readout import StreamReadout
from pathpatch_runner.execute.delta.runs import plain_runs_of
from pathpatch_runner.execute.delta.setting import Setting
from pathpatch_runner.execute.delta.steps import StepLoop
from pathpatch_runner.execute.delta.tally import Tally
from pathpatch_runner.execute.pace import Done
from pathpatch_runner.execute.readout import Readout
from pathpatch_runner.execute.task import Task
from pathpatch_runner.model.nodes import NodeFunctions, node_functions
from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.memory import peak_elements, plain_elements
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.work import unit_work, work_of

CPU_WORKSPACE = 2**22
CUDA_WORKSPACE = 2**27
"""Elements a temporary tensor may have: small enough for a CPU's caches, large enough to fill a
card."""
WORKSPACES = 2
"""Temporary tensors alive at once."""
BATCH_TOKENS = 4096
"""Tokens of the pairs of one batch on a CPU, beyond which larger batches gain nothing."""

Through = Callable[[Callable[[torch.Tensor], torch.Tensor], torch.Tensor], Measuring]
"""(the final norm, base's final stream [point, d_model]) -> what reads final streams."""


class DeltaExecutor:
    """The delta executor of a task."""

    def __init__(self, task: Task, plan: Plan) -> None:
        self._task = task
        self._plan = plan
        self._functions: tuple[int, NodeFunctions, Narrow | None] | None = None

    def pairs_at_once(self, length: int) -> int:
        """So many that their plain runs take at most a third of the budget."""
        shape = self._task.model.shape
        most = max(1, budget_elements(self._task) // 3 // plain_elements(shape, length))
        if self._task.model.device.type == "cpu":
            most = min(most, max(1, BATCH_TOKENS // length))
        return most

    def prepare(self, batch: Batch, draw: int, readout: Readout) -> DeltaOnBatch:
        """This executor on a batch."""
        length = batch.where.length
        if self._functions is None or self._functions[0] != length:
            functions = node_functions(self._task.model, length)
            self._functions = length, functions, Narrow.of(functions)
        _, functions, narrow = self._functions
        return DeltaOnBatch(self._task, functions, narrow, batch, draw, readout)

    def work(self) -> np.ndarray:
        """[unit]: operations."""
        return unit_work(self._plan)


class DeltaOnBatch:
    """The delta executor on one batch, for one draw."""

    def __init__(
        self,
        task: Task,
        functions: NodeFunctions,
        narrow: Narrow | None,
        batch: Batch,
        draw: int,
        readout: Readout,
    ) -> None:
        self._task = task
        self._functions = functions
        self._narrow = narrow
        self._batch = batch
        self._workspace = workspace_of(task)
        self._readout = StreamReadout(readout, functions.logits, batch, self._workspace)
        self._final: dict[Direction, Final] = {}
        self._clean_first = plain_runs_of(task, functions, batch, draw)
        # Our own statement of the model, on both prompts.
        task.model.count_pass()

    def plain(self) -> torch.Tensor:
        """Values [2, metric, point] of the clean and the corrupt run."""
        batch = self._batch
        clean, corrupt = (run[batch.rows, batch.positions] for run in self._clean_first.stream[-1])
        self._plain = self._readout.plain(clean, corrupt)
        return self._plain

    @property
    def room(self) -> int:
        """Elements that plain runs and temporaries leave."""
        spent = WORKSPACES * self._workspace + self.held
        return max(budget_elements(self._task) - spent, 1)

    @property
    def held(self) -> int:
        """Elements of the plain runs, and of what reads narrow streams at the end of the model."""
        shape, batch = self._task.model.shape, self._batch
        runs = batch.n_pairs * plain_elements(shape, batch.where.length)
        if self._narrow is None:
            return runs
        heads = shape.n_layers * shape.n_heads * shape.d_head
        return runs + len(Direction) * self._readout.kept(heads)

    def size(self, chunk: Chunk) -> int:
        """Elements of the chunk's differences at their peak."""
        return peak_elements(chunk, self._batch.n_pairs)

    def patched(self, chunk: Chunk, direction: Direction, done: Done) -> torch.Tensor:
        """Values [unit, metric, point]."""
        setting = self._setting(direction)
        if direction not in self._final:
            plain = self._plain if direction is Direction.noising else self._plain.flip(0)
            self._final[direction] = Final.of(setting, self._readout, plain)
        points = len(self._batch.rows) / self._batch.n_pairs
        logits = 2.0 * points * self._task.model.shape.d_model * self._readout.columns
        tally = Tally(work_of(chunk, logits), done)
        return self._evaluate(chunk, setting, self._final[direction], tally)

    def written(self, chunk: Chunk, direction: Direction, through: Through) -> torch.Tensor:
        """[unit, d_model, point]: what units change in the final stream, as `through` reads it."""
        batch, setting = self._batch, self._setting(direction)
        base, patched = (run[batch.rows, batch.positions] for run in setting.runs.stream[-1])
        reading = through(self._functions.logits.norm, base)
        points = torch.arange(len(base), device=base.device)
        plain = reading.measure(torch.stack([base, patched]), points)
        tally = Tally(work_of(chunk, 1.0), lambda _: None)
        return self._evaluate(chunk, setting, Final.of(setting, reading, plain), tally)

    def _setting(self, direction: Direction) -> Setting:
        noising = direction is Direction.noising
        runs = self._clean_first if noising else self._clean_first.swapped()
        runs = runs.with_constants(self._task.source.constants(self._batch))
        return Setting(self._functions, runs, self._batch, self._workspace, self._narrow)

    @staticmethod
    def _evaluate(chunk: Chunk, setting: Setting, final: Final, tally: Tally) -> torch.Tensor:
        """[unit, value, point]."""
        outputs = Outputs(setting, final, chunk.plan)
        StepLoop(setting, chunk, outputs.finish, tally).run()
        return outputs.values()


def budget_elements(task: Task) -> int:
    """The budget, in elements."""
    return task.budget.bytes // task.model.dtype.itemsize


def workspace_of(task: Task) -> int:
    """Elements a temporary tensor may have."""
    largest = CPU_WORKSPACE if task.model.device.type == "cpu" else CUDA_WORKSPACE
    return int(min(largest, max(budget_elements(task) // 8, 1)))

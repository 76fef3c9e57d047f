"""What an executor is: everything that the loop (`drive`) asks, and nothing else.

An executor is built for a task and a plan. It is *prepared* for a batch and a draw of the source,
and then gives the values of the two plain runs, and those of any chunk of units in a direction.
How many pairs and how many units at once is for the loop to decide; the executor only says how
much fits, in units of its own.

`EXECUTORS` has them by name. A third one needs a line there, and no other change: the tests add
one that enumerates every path.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.plan import Plan

if TYPE_CHECKING:
    from pathpatch_runner.execute.batch import Batch
    from pathpatch_runner.execute.pace import Done
    from pathpatch_runner.execute.readout import Readout
    from pathpatch_runner.execute.task import Task


class Prepared(Protocol):
    """An executor on one batch, for one draw. Serves every plan of the same alphabet (`ready`)."""

    def plain(self) -> torch.Tensor:
        """Values [2, metric, point] of the clean and the corrupt run. Asked once, first; gives
        the readout the clean logits (`Readout.plain`)."""
        ...

    def patched(self, chunk: Chunk, direction: Direction, done: Done) -> torch.Tensor:
        """Float64 values [unit, metric, point] of the units of a chunk. `done` is told now and
        then which share of the chunk is evaluated."""
        ...

    @property
    def room(self) -> int:
        """What is left of the memory budget for one chunk, in units of the executor's own."""
        ...

    @property
    def held(self) -> int:
        """What the plain runs take of the budget as long as this is kept, in the same units."""
        ...

    def size(self, chunk: Chunk) -> int:
        """What a chunk needs, in the same units."""
        ...


class Executor(Protocol):
    """One way to evaluate the units of a plan; made from a task and a plan."""

    def pairs_at_once(self, length: int) -> int:
        """How many pairs of `length` tokens one batch may have, so that one unit fits beside
        them. Raises ExecutionError where not one pair does."""
        ...

    def prepare(self, batch: Batch, draw: int, readout: Readout) -> Prepared:
        """This executor on a batch, for a draw of the source."""
        ...

    def work(self) -> np.ndarray:
        """[unit]: how much of all work each unit is, in a measure of the executor's own."""
        ...


EXECUTORS: dict[str, str | Callable[[Task, Plan], Executor]] = {
    "hooks": "pathpatch_runner.execute.hooks.executor:HooksExecutor",
    "delta": "pathpatch_runner.execute.delta.executor:DeltaExecutor",
}
"""Name -> `module:class`, imported when it is asked for, or what makes one."""


def executor_named(name: str) -> Callable[[Task, Plan], Executor]:
    """What makes the executor of that name, which must be one of `EXECUTORS`."""
    found = EXECUTORS[name]
    if not isinstance(found, str):
        return found
    module, _, attribute = found.partition(":")
    make: Callable[[Task, Plan], Executor] = getattr(importlib.import_module(module), attribute)
    return make

"""How far the evaluations are, told while a chunk of units is being evaluated.

A chunk may take minutes, so an executor tells now and then which share of it is done. An evaluation
(a unit on a pair, in a direction, for a draw) counts by the work that it is: of two units, one that
is evaluated anew from layer 2 on may count as seven evaluations and one from layer 10 on as one.
Then what is left takes as long as the rate so far says. What is told are whole numbers, which add
up to the number of evaluations.

On an accelerator work counts as done when it is given to the device, which may be a little ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pathpatch_runner.config import Direction
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.task import Advance, Task, evaluations

Done = Callable[[float], None]
"""Told which share of a chunk is done so far, from 0 to 1."""


class Pace:
    """What is done so far. `work` [unit]: how much of all work each unit is, in any measure."""

    def __init__(
        self, task: Task, work: np.ndarray, directions: Sequence[Direction], advance: Advance
    ) -> None:
        self._total = evaluations(len(work), task, directions)
        self._weights = work * (len(work) / work.sum()) if len(work) else work
        self._mean_length = np.mean([len(pair.clean) for pair in task.pairs.pairs])
        self._advance = advance
        self._done, self._told = 0.0, 0

    def chunk(self, units: np.ndarray, batch: Batch) -> Done:
        """For a chunk of units that is now evaluated on a batch, in one direction."""
        begin = self._done
        pairs = batch.n_pairs * batch.where.length / self._mean_length
        size = float(self._weights[units].sum() * pairs)

        def done(share: float) -> None:
            self._done = begin + size * min(share, 1.0)
            self._tell(int(self._done))

        return done

    def finish(self) -> None:
        """Everything is evaluated."""
        self._tell(self._total)

    def _tell(self, count: int) -> None:
        count = min(count, self._total)
        if count > self._told:
            self._advance(count - self._told)
            self._told = count

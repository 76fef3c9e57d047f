"""How much of a chunk the loop over steps has done, by the operations that `plan.work` counts."""

from __future__ import annotations

import numpy as np

from pathpatch_runner.execute.pace import Done
from pathpatch_runner.plan.work import ChunkWork


class Tally:
    """Tells `done` the share. What is added within a step never passes the step's end."""

    def __init__(self, work: ChunkWork, done: Done) -> None:
        self._work = work
        self._tell = done
        self._ends = np.cumsum(work.steps)
        self._step, self._done = 0, 0.0

    def versions(self, ids: np.ndarray, n_positions: int, share: float = 1.0) -> None:
        """These versions are evaluated, at so many positions; or a `share` of each."""
        self._add(float(self._work.versions[ids].sum()) * n_positions * share)

    def outputs(self, count: int) -> None:
        """The logits of so many streams are measured."""
        self._add(count * self._work.output)

    def step(self, number: int) -> None:
        """The step is done."""
        self._step, self._done = number + 1, float(self._ends[number])
        self._share()

    def _add(self, operations: float) -> None:
        self._done = min(self._done + operations, float(self._ends[self._step]))
        self._share()

    def _share(self) -> None:
        total = float(self._ends[-1])
        self._tell(self._done / total if total else 1.0)

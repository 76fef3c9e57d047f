"""An executor prepared for a batch and a draw, its plain runs made: before any plan is evaluated.

What is ready serves every plan of the same alphabet. Whoever evaluates plan after plan on the same
pairs, as a search does level by level, keeps it:

    kept = KeptBatches()
    for path_sets in levels:
        evaluate(name, task, compile_plan(path_sets, alphabet), directions, kept=kept)

What is kept leaves the batch that is evaluated at least half of the room that it would have alone:
a batch that would take more is not kept, and where the next one needs more, the others are
forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.executor import Executor, Prepared
from pathpatch_runner.execute.failures import (
    DoesNotFitError,
    device_failed,
    first_that_is_none,
    is_of_the_device,
    is_out_of_memory,
    not_numbers,
)
from pathpatch_runner.execute.readout import Readout
from pathpatch_runner.execute.task import Task

PLAIN = "the clean and the corrupt run"


@dataclass(frozen=True, eq=False)
class Ready:
    """`values` [2, metric, point], `right` [2, point]: of the clean and the corrupt run."""

    batch: Batch
    readout: Readout
    prepared: Prepared
    values: np.ndarray
    right: np.ndarray


def make_ready(task: Task, batch: Batch, executor: Executor, draw: int) -> Ready:
    """The plain runs of a batch. Raises ExecutionError for logits or values that are no numbers,
    and where the runs do not fit or the device fails."""
    readout = Readout(batch, task.metrics)
    with explained(batch, PLAIN):
        prepared = executor.prepare(batch, draw, readout)
        values: np.ndarray = prepared.plain().cpu().numpy()
    error = error_in(values, PLAIN, task, batch, readout)
    if error is not None:
        raise error
    return Ready(batch, readout, prepared, values, readout.right.cpu().numpy())


def error_in(
    values: np.ndarray, of: str, task: Task, batch: Batch, readout: Readout
) -> ExecutionError | None:
    """What to say where logits, or values [..., metric, point], are not numbers; None: they are."""
    point = readout.first_bad()
    if point is not None:
        return not_numbers(f"logits of {of}", batch, point)
    bad = first_that_is_none(values)
    if bad is not None:
        metric = task.metrics[bad[0]].name
        return not_numbers(f'values of metric "{metric}" of {of}', batch, bad[1])
    return None


@contextmanager
def explained(batch: Batch, what: str) -> Iterator[None]:
    """What fails in this block, with what it failed on."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise DoesNotFitError(what, batch) from error
        if is_of_the_device(error):
            raise device_failed(error, what, batch) from error
        error.add_note(f'while evaluating {what} on pair "{batch.names[0]}" and others')
        raise


class KeptBatches:
    """What is ready, by pairs and draw, for one task, one executor and plans of one alphabet."""

    def __init__(self) -> None:
        self._kept: dict[tuple[tuple[str, ...], int], Ready] = {}

    def of(self, batch: Batch, draw: int) -> Ready | None:
        """None: nothing is kept of this batch."""
        return self._kept.get((batch.names, draw))

    def keep(self, ready: Ready, draw: int) -> None:
        """Keep a batch, if it fits beside those that are kept."""
        held, room = ready.prepared.held, ready.prepared.room
        if self._held() + held <= room // 2:
            self._kept[ready.batch.names, draw] = ready

    def beside(self, ready: Ready) -> int:
        """What the other batches hold, in units of the executor's room; forgets them where that
        is more than half of this one's."""
        others = self._held() - (ready.prepared.held if ready in self._kept.values() else 0)
        if others <= ready.prepared.room // 2:
            return others
        self._kept = {key: each for key, each in self._kept.items() if each is ready}
        return 0

    def _held(self) -> int:
        return sum(each.prepared.held for each in self._kept.values())

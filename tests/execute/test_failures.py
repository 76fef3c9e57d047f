"""What goes wrong while units are evaluated: said with the unit and the pair, and never averaged.

An executor that fails on purpose stands in for the real one, in the real loop.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from unittest import mock

import numpy as np
import pytest
import torch

from execute.models import specimen
from execute.path_sets import random_pairs, task_of
from pathpatch_runner.config import Direction
from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.executor import EXECUTORS
from pathpatch_runner.execute.pace import Done
from pathpatch_runner.execute.readout import Readout
from pathpatch_runner.execute.task import Measured, Task
from pathpatch_runner.execute.units import Portion, Recalled, Unknown
from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.plan import Plan
from plan.small import path_set

NOISING = Direction.noising
TEXTS = [f"a0.h{head} -> logits" for head in (0, 1)] + [f"a1.h{head} -> logits" for head in (0, 1)]
OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
LOST = RuntimeError("CUDA error: unspecified launch failure\nCompile with TORCH_USE_CUDA_DSA")
KEPT = "What was evaluated before is kept, and the same command goes on from there"

Failing = Callable[[list[int], torch.Tensor], torch.Tensor]
"""(units of a chunk, their values) -> the values, or an error."""


class Kept(Unknown):
    """Remembers which units were kept."""

    def __init__(self) -> None:
        super().__init__(TEXTS.__getitem__)
        self.units: list[int] = []

    def keep(self, units: np.ndarray, portion: Portion, values: np.ndarray) -> None:
        del portion
        assert np.isfinite(values).all()
        self.units += units.tolist()


class Executor:
    """Gives every unit its number as its value, at every point, by every metric; unless it
    `fails`, or its plain runs do."""

    def __init__(self, fails: Failing, plain: Exception | None = None) -> None:
        self.fails = fails
        self.plain_error = plain
        self.chunks: list[list[int]] = []

    def __call__(self, task: Task, plan: Plan) -> Executor:
        del plan
        self.n_metrics = len(task.metrics)
        return self

    def pairs_at_once(self, length: int) -> int:
        del length
        return 2

    def prepare(self, batch: Batch, draw: int, readout: Readout) -> Executor:
        del batch, draw
        self.n_points = readout.n_points
        return self

    def plain(self) -> torch.Tensor:
        if self.plain_error is not None:
            raise self.plain_error
        return torch.zeros(2, self.n_metrics, self.n_points, dtype=torch.float64)

    room = 100

    def size(self, chunk: Chunk) -> int:
        return len(chunk.units)

    def work(self) -> np.ndarray:
        return np.ones(len(TEXTS))

    def patched(self, chunk: Chunk, direction: Direction, done: Done) -> torch.Tensor:
        del direction, done
        units = chunk.units.tolist()
        self.chunks.append(units)
        values = torch.tensor(units, dtype=torch.float64)[:, None, None]
        return self.fails(units, values.repeat(1, self.n_metrics, self.n_points))


def run(executor: Executor, units: Unknown) -> Measured:
    model = specimen("gpt2").model
    sets = [path_set(model.shape, text) for text in TEXTS]
    pairs = random_pairs(random.Random(1), 11, (5, 5, 5), everywhere=False)
    task, alphabet = task_of(model, pairs, sets)
    with mock.patch.dict(EXECUTORS, {"failing": executor}):
        return evaluate(
            "failing", task, compile_plan(sets, alphabet), [NOISING], lambda _: None, units
        )


def test_a_chunk_that_does_not_fit_is_halved_and_each_half_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(units: list[int], values: torch.Tensor) -> torch.Tensor:
        if len(units) > 1:
            raise OUT_OF_MEMORY
        return values

    executor, kept = Executor(fails), Kept()
    found = run(executor, kept).patched[NOISING]
    assert (found == np.arange(4)[:, None, None]).all()
    assert sorted(kept.units) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert "out of memory with 4 units at once: halved" in caplog.text
    assert "out of memory with 2 units at once: halved" in caplog.text


def test_a_unit_that_does_not_fit_alone_is_named(caplog: pytest.LogCaptureFixture) -> None:
    def fails(units: list[int], values: torch.Tensor) -> torch.Tensor:
        if 2 in units:
            raise OUT_OF_MEMORY
        return values

    kept = Kept()
    with pytest.raises(ExecutionError) as error:
        run(Executor(fails), kept)
    assert str(error.value) == (
        'out of memory with "a1.h0 -> logits" on 2 pairs, from "0" to "1". Give a smaller '
        "runtime.memory_gb, so that fewer pairs are evaluated at once, shorter prompts, or another "
        f"device. {KEPT}"
    )
    assert kept.units == [0, 1]
    assert "halved" in caplog.text


def test_no_error_is_held_while_halves_are_tried(caplog: pytest.LogCaptureFixture) -> None:
    """An error holds the frames, and so the tensors, of what did not fit."""

    class Counted(torch.OutOfMemoryError):
        alive = 0

        def __init__(self) -> None:
            super().__init__("CUDA out of memory")
            Counted.alive += 1

        def __del__(self) -> None:
            Counted.alive -= 1

    def fails(units: list[int], values: torch.Tensor) -> torch.Tensor:
        assert Counted.alive == 0
        if len(units) > 1:
            raise Counted
        return values

    run(Executor(fails), Kept())
    assert "halved" in caplog.text


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        (
            OUT_OF_MEMORY,
            'out of memory with the clean and the corrupt run on 2 pairs, from "0" to "1". Give',
        ),
        (
            LOST,
            'the device failed with the clean and the corrupt run on 2 pairs, from "0" to "1": '
            "CUDA error: unspecified launch failure. Check the device",
        ),
    ],
)
def test_plain_runs_that_fail_are_told_with_their_pairs(plain: Exception, message: str) -> None:
    with pytest.raises(ExecutionError) as error:
        run(Executor(lambda _, values: values, plain), Kept())
    assert str(error.value).startswith(message)


def test_a_device_that_disappears_is_told_with_units_and_pairs() -> None:
    def fails(units: list[int], values: torch.Tensor) -> torch.Tensor:
        del units, values
        raise LOST

    executor = Executor(fails)
    with pytest.raises(ExecutionError) as error:
        run(executor, Kept())
    assert str(error.value) == (
        'the device failed with "a0.h0 -> logits" and 3 others on 2 pairs, from "0" to "1": CUDA '
        f"error: unspecified launch failure. Check the device. {KEPT}"
    )
    # Nothing is tried again on it.
    assert len(executor.chunks) == 1


def test_a_mistake_of_ours_stays_one_and_says_where() -> None:
    def fails(units: list[int], values: torch.Tensor) -> torch.Tensor:
        del units, values
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot be multiplied") as error:
        run(Executor(fails), Kept())
    assert not isinstance(error.value, ExecutionError)
    assert error.value.__notes__ == [
        'while evaluating "a0.h0 -> logits" and 3 others on pair "0" and others'
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_told_with_unit_and_pair(bad: float) -> None:
    def fails(units: list[int], values: torch.Tensor) -> torch.Tensor:
        if 3 in units:
            values[units.index(3), 1, 1] = bad
        return values

    kept = Kept()
    with pytest.raises(ExecutionError) as error:
        run(Executor(fails), kept)
    assert str(error.value) == (
        'values of metric "logit_diff" of "a1.h1 -> logits" on pair "1" at position 4 are NaN or '
        "infinite. Try model.dtype float32 (or float64), and check the weights file"
    )
    # What shared the chunk with it is not kept either: it was not looked at alone.
    assert kept.units == []


def test_values_that_come_and_go_are_not_believed() -> None:
    def fails(units: list[int], values: torch.Tensor) -> torch.Tensor:
        if len(units) == 4:
            values[0, 0, 0] = np.nan
        return values

    with pytest.raises(ExecutionError, match="and each half alone does not: the device cannot be"):
        run(Executor(fails), Kept())


class Remembering(Kept):
    """Two of the units are known."""

    def recall(self, portion: Portion) -> Recalled:
        return Recalled(np.array([0, 2]), np.full((2, *portion.shape), 7.0))


def test_what_is_known_is_left_out_of_the_chunks() -> None:
    executor, units = Executor(lambda _, values: values), Remembering()
    found = run(executor, units).patched[NOISING]
    # Two batches, of two pairs and of one.
    assert executor.chunks == [[1, 3], [1, 3]]
    assert (found == np.array([7, 1, 7, 3])[:, None, None]).all()
    assert units.units == [1, 3, 1, 3]

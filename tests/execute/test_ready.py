"""Plain runs kept from plan to plan: made once, equal values, within the budget."""

from __future__ import annotations

import dataclasses
import random
from types import SimpleNamespace

import numpy as np
import pytest

from execute.models import specimen
from execute.path_sets import random_pairs, task_of
from execute.test_delta import some_sets
from pathpatch_runner.config import Direction
from pathpatch_runner.execute.delta.executor import budget_elements
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.memory import Budget
from pathpatch_runner.execute.ready import KeptBatches, Ready
from pathpatch_runner.execute.task import Measured, Task
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.memory import plain_elements

LENGTHS = (4, 4, 6)
"""Of three pairs: two batches."""


def setup_of(sets: list[PathSet]) -> tuple[Task, Alphabet]:
    """Some path sets on three pairs."""
    pairs = random_pairs(random.Random(3), 11, LENGTHS, everywhere=True)
    return task_of(specimen("gpt2").model, pairs, sets)


def by_levels(name: str, task: Task, alphabet: Alphabet, sets: list[PathSet]) -> list[Measured]:
    """The first half of the path sets, and then the others."""
    kept, half = KeptBatches(), len(sets) // 2
    return [
        evaluate(name, task, compile_plan(some, alphabet), list(Direction), kept=kept)
        for some in (sets[:half], sets[half:])
    ]


def passes_of(task: Task) -> int:
    """Forward passes for plain runs so far, with this model."""
    return int(task.model.passes.get("plain runs", 0))


@pytest.mark.parametrize("name", ["hooks", "delta"])
def test_the_second_plan_finds_the_plain_runs_of_the_first(name: str) -> None:
    sets = some_sets(8)
    task, alphabet = setup_of(sets)
    began = passes_of(task)
    at_once = evaluate(name, task, compile_plan(sets, alphabet), list(Direction))
    once = passes_of(task) - began
    levels = by_levels(name, task, alphabet, sets)
    assert passes_of(task) - began == 2 * once
    for direction in Direction:
        found = np.concatenate([level.patched[direction] for level in levels])
        np.testing.assert_allclose(found, at_once.patched[direction], atol=1e-12)
    for level in levels:
        np.testing.assert_array_equal(level.clean, at_once.clean)
        np.testing.assert_array_equal(level.corrupt, at_once.corrupt)
        np.testing.assert_array_equal(level.right, at_once.right)


def ready_of(name: str, held: int, room: int) -> Ready:
    """Of a batch of one pair. `room`: what its own plain runs leave."""
    batch, prepared = SimpleNamespace(names=(name,)), SimpleNamespace(held=held, room=room)
    return Ready(batch, None, prepared, np.zeros(0), np.zeros(0))  # type: ignore[arg-type]  # no executor is asked


def test_what_is_kept_leaves_half_of_the_room_to_whichever_batch_comes() -> None:
    kept = KeptBatches()
    short, other, long = ready_of("a", 30, 70), ready_of("b", 10, 90), ready_of("c", 60, 40)
    for each in (short, other):
        kept.keep(each, 0)
        assert kept.of(each.batch, 0) is each
    assert (kept.beside(short), kept.beside(other)) == (10, 30)
    kept.keep(long, 0)
    assert kept.of(long.batch, 0) is None
    # 40 beside it would leave it nothing.
    assert kept.beside(long) == 0
    assert kept.of(short.batch, 0) is None
    assert kept.of(other.batch, 0) is None


def test_plain_runs_that_would_crowd_the_budget_are_made_anew() -> None:
    sets = some_sets(8)
    task, alphabet = setup_of(sets)
    task.model.passes.clear()
    shape = task.model.shape
    # What is kept of pairs: their plain runs, and, to read each head's z at a point, in either
    # direction, three numbers for each entry of it; and base's logits and each head's matrices.
    width, tokens = shape.n_layers * shape.n_heads * shape.d_head, 11
    points = sum(len(pair.points) for pair in task.pairs.pairs[:2])
    narrow = 3 * width * points + points * tokens + width * tokens
    short = 2 * plain_elements(shape, 4) + 2 * narrow
    # Room for what is kept of the two short pairs, twice over; then none for the long one's.
    size = 4 * short * task.model.dtype.itemsize
    small = dataclasses.replace(task, budget=Budget(size, None))
    assert budget_elements(small) == 4 * short
    by_levels("delta", small, alphabet, sets)
    assert passes_of(task) == 3
    task.model.passes.clear()
    by_levels("delta", dataclasses.replace(task, budget=Budget(size // 4, None)), alphabet, sets)
    # Not even the first fits in half of what is left beside it: one pair a batch, three batches.
    assert passes_of(task) == 6

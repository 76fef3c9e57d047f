"""Progress inside a chunk: by the work done, in whole numbers that add up to the total."""

from __future__ import annotations

import random
from unittest import mock

import numpy as np
import pytest

from execute.models import specimen
from execute.path_sets import random_pairs, task_of
from execute.test_delta import some_sets
from pathpatch_runner.config import Direction
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.delta.executor import DeltaExecutor
from pathpatch_runner.execute.delta.tally import Tally
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.pace import Pace
from pathpatch_runner.plan.chunk import Chunk, make_chunk
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.extent import BatchPositions
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.work import ChunkWork, unit_work, work_of
from plan.small import WITH_MLPS, path_set, plan_of

NOISING = Direction.noising


def batch_of(n_pairs: int, length: int) -> Batch:
    """As much of a batch as is asked for."""
    batch = mock.Mock(n_pairs=n_pairs)
    batch.where.length = length
    return batch


def test_a_unit_counts_by_its_work() -> None:
    pairs = random_pairs(random.Random(1), 11, (5, 5, 5, 5), everywhere=True)
    task, _ = task_of(specimen("gpt2").model, pairs, some_sets(1))
    told: list[int] = []
    # Two units, the second three times the work of the first: of 2 x 4 evaluations 2 and 6.
    pace = Pace(task, np.array([10.0, 30.0]), [NOISING], told.append)
    first = pace.chunk(np.array([0]), batch_of(4, 5))
    first(0.4)  # 0.8 of an evaluation
    assert told == []
    first(1.0)
    assert told == [2]
    pace.chunk(np.array([1]), batch_of(4, 5))(0.5)
    assert told == [2, 3]
    pace.finish()
    assert told == [2, 3, 3]


def test_longer_prompts_count_for_more() -> None:
    pairs = random_pairs(random.Random(1), 11, (4, 4, 4, 12), everywhere=True)
    task, _ = task_of(specimen("gpt2").model, pairs, some_sets(1))
    told: list[int] = []
    pace = Pace(task, np.ones(100), [NOISING], told.append)
    # 24 tokens in all; the one of 12 has half of the work.
    pace.chunk(np.arange(100), batch_of(1, 12))(1.0)
    assert told == [200]


@pytest.mark.parametrize("name", ["hooks", "delta"])
def test_progress_is_told_within_a_chunk(name: str) -> None:
    pairs = random_pairs(random.Random(1), 11, (5, 5, 5), everywhere=True)
    sets = some_sets(8)
    task, alphabet = task_of(specimen("gpt2").model, pairs, sets)
    told: list[int] = []
    plan = compile_plan(sets, alphabet)
    with mock.patch("pathpatch_runner.execute.on_batch.chunks_of", _one_chunk):
        evaluate(name, task, plan, list(Direction), told.append)
    assert sum(told) == 8 * 3 * 2
    # More often than once for each direction's chunk.
    assert len(told) > 2
    assert min(told) > 0


def _one_chunk(plan: Plan, where: BatchPositions, *_: object) -> list[Chunk]:
    return [make_chunk(plan, np.arange(plan.n_units), where)]


def test_what_is_done_adds_up_to_what_was_reckoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """All stages: versions and logits as they are evaluated, and streams, nothing else."""
    added: list[float] = []
    known: list[ChunkWork] = []

    def recorded(tally: Tally, operations: float) -> None:
        del tally
        added.append(operations)

    def reckoned(chunk: Chunk, output: float) -> ChunkWork:
        known.append(work_of(chunk, output))
        return known[-1]

    monkeypatch.setattr(Tally, "_add", recorded)
    monkeypatch.setattr("pathpatch_runner.execute.delta.executor.work_of", reckoned)
    pairs = random_pairs(random.Random(1), 11, (5, 5, 5), everywhere=True)
    sets = some_sets(8)
    task, alphabet = task_of(specimen("gpt2").model, pairs, sets)
    monkeypatch.setattr("pathpatch_runner.plan.work._streams", lambda chunk: 0.0 * _steps(chunk))
    evaluate("delta", task, compile_plan(sets, alphabet), [NOISING])
    assert sum(added) == pytest.approx(sum(work.steps.sum() for work in known), rel=1e-9)


def _steps(chunk: Chunk) -> np.ndarray:
    return np.ones(len(chunk.schedule.steps))


def test_the_work_of_a_unit_by_hand() -> None:
    # Two heads of 4 columns in a stream of 8, MLPs of 16. The logits count 2 * 8.
    plan = plan_of(WITH_MLPS, "a0.h0 -> a1.h1<q> -> logits", "a1.h0 => logits", "a1.h0 -> logits")
    query = 2 * ((1 + 1) * 8 * 4 + 2 * 4)  # queries, the head's output; scores and values
    mlp = 2 * 2 * 8 * 16
    assert unit_work(plan).tolist() == [16 + query, 16 + mlp, 16]


def test_delta_reckons_by_operations() -> None:
    task, alphabet = task_of(
        specimen("gpt2").model,
        random_pairs(random.Random(1), 11, (5, 5), everywhere=True),
        [path_set(specimen("gpt2").model.shape, "a0.h0 => logits")],
    )
    shape = specimen("gpt2").model.shape
    sets = [path_set(shape, text) for text in ("a0.h0 => logits", "a1.h0 -> logits")]
    early, late = DeltaExecutor(task, compile_plan(sets, alphabet)).work()
    assert early > 10 * late

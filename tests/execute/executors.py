"""All executors, asked through the real loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from unittest import mock

from execute.models import Specimen
from execute.path_sets import ROOMY, task_of
from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.executor import EXECUTORS
from pathpatch_runner.execute.memory import Budget
from pathpatch_runner.execute.task import Measured, Task
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.model.load import LoadedModel
from pathpatch_runner.plan.compile import compile_plan
from reference.executor import BruteForce
from reference.reference_model import ReferenceModel

BRUTE_FORCE = "brute force"
NAMES = ("hooks", "delta", BRUTE_FORCE)


def run_task(
    name: str,
    task: Task,
    alphabet: Alphabet,
    sets: Sequence[PathSet],
    directions: Sequence[Direction],
    reference: ReferenceModel | None = None,
) -> Measured:
    """A task by the executor of that name; `reference`: for brute force."""
    plan = compile_plan(sets, alphabet)
    if name != BRUTE_FORCE:
        return evaluate(name, task, plan, directions)
    assert reference is not None
    with mock.patch.dict(EXECUTORS, {name: partial(BruteForce, reference, sets)}):
        return evaluate(name, task, plan, directions)


def run(
    name: str,
    one: Specimen | LoadedModel,
    pairs: PairSet,
    sets: list[PathSet],
    directions: Sequence[Direction],
    metrics: tuple[str, ...] = ("logit_diff",),
    budget: Budget = ROOMY,
) -> Measured:
    """Path sets on pairs."""
    model = one.model if isinstance(one, Specimen) else one
    task, alphabet = task_of(model, pairs, sets, metrics)
    task = dataclasses.replace(task, budget=budget)
    reference = one.reference if isinstance(one, Specimen) else None
    return run_task(name, task, alphabet, sets, directions, reference)

"""A metric of every combination of needs, on every executor, against logits read directly."""

from __future__ import annotations

import dataclasses
import random
from itertools import product

import pytest
import torch

from execute.executors import BRUTE_FORCE, run_task
from execute.executors import NAMES as EXECUTORS
from execute.models import specimen
from execute.path_sets import random_pairs, task_of
from pathpatch_runner.config import Direction
from pathpatch_runner.metric import Metric, Targets, mean_of_set
from plan.small import path_set

NOISING = Direction.noising
COMBINATIONS = [
    needs for needs in product([False, True], repeat=4) if needs[3] or needs[0] or needs[1]
]
"""(answers, distractors, clean_logits, all_columns)"""


def mean_logit(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """[point]: the mean over a set of tokens."""
    return mean_of_set(logits.gather(-1, tokens.clamp(min=0)), tokens).double()


def metric_of(answers: bool, distractors: bool, clean: bool, all_columns: bool) -> Metric:
    """A metric that reads what it says it needs, every part with another weight."""

    def parts(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        total = torch.zeros(len(logits), dtype=torch.float64)
        if answers:
            total = total + 2 * mean_logit(logits, targets.answers)
        if distractors:
            total = total - 3 * mean_logit(logits, targets.distractors)
        if all_columns:
            total = total + 5 * logits.double().logsumexp(-1)
        return total

    def compute(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        found = parts(logits, targets)
        return found - 7 * parts(targets.clean_logits, targets) if clean else found

    return Metric("own", compute, "logits", "higher", answers, distractors, clean, all_columns)


@pytest.mark.parametrize("needs", COMBINATIONS)
@pytest.mark.parametrize(
    ("executor", "name"),
    [
        *((executor, "attention only") for executor in EXECUTORS),
        *((executor, "gemma2") for executor in EXECUTORS if executor != BRUTE_FORCE),
    ],
)
def test_every_combination(executor: str, needs: tuple[bool, bool, bool, bool], name: str) -> None:
    """Gemma 2 caps its logits: a mean of capped logits is not read from two columns."""
    one = specimen(name)
    pairs = random_pairs(random.Random(3), 11, (2, 2), everywhere=True)
    sets = [path_set(one.model.shape, "input => logits"), ()]
    metric = metric_of(*needs)
    task, alphabet = task_of(one.model, pairs, sets)
    task = dataclasses.replace(task, metrics=(metric,))
    found = run_task(executor, task, alphabet, sets, [NOISING], one.reference)
    expected: dict[str, list[float]] = {"clean": [], "corrupt": []}
    for pair in pairs.pairs:
        clean = one.model.forward(torch.tensor([pair.clean]), [])[0]
        for which, values in expected.items():
            logits = one.model.forward(torch.tensor([getattr(pair, which)]), [])[0]
            for point in pair.points:
                at = slice(point.position, point.position + 1)
                targets = Targets(
                    torch.tensor([point.answers]), torch.tensor([point.distractors]), clean[at]
                )
                values.append(float(metric.compute(logits[at], targets)))
    tolerance = 1e-4 if name == "gemma2" else 1e-9
    assert found.clean[0] == pytest.approx(expected["clean"], abs=tolerance)
    assert found.corrupt[0] == pytest.approx(expected["corrupt"], abs=tolerance)
    everything, nothing = found.patched[NOISING][:, 0]
    assert everything == pytest.approx(expected["corrupt"], abs=tolerance)
    assert nothing == pytest.approx(expected["clean"], abs=tolerance)


def test_a_metric_that_reads_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="reads no logits"):
        metric_of(False, False, True, False)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_clean_logits_that_were_not_asked_for_are_not_there(executor: str) -> None:
    one = specimen("attention only")
    lying = dataclasses.replace(metric_of(True, True, True, True), clean_logits=False)
    pairs = random_pairs(random.Random(3), 11, (2,), everywhere=False)
    task, alphabet = task_of(one.model, pairs, [()])
    task = dataclasses.replace(task, metrics=(lying,))
    with pytest.raises(AssertionError, match=r"Metric\(..., clean_logits=True\)"):
        run_task(executor, task, alphabet, [()], [NOISING], one.reference)

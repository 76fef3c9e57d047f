"""Metrics against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from pathpatch_runner.dataset import Pair, PairSet, Point
from pathpatch_runner.errors import MetricError, Problems
from pathpatch_runner.metric import Targets, metric_named, resolve_metrics
from pathpatch_runner.registry import METRICS

# Probabilities 1/7, 2/7, 4/7 and, clean, 1/4, 1/4, 1/2.
LOGITS = torch.tensor([[1.0, 2.0, 4.0]]).log()
CLEAN = torch.tensor([[1.0, 1.0, 2.0]]).log()
TARGETS = Targets(torch.tensor([[1]]), torch.tensor([[2]]), CLEAN)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logprob", math.log(2 / 7)),
        ("loss", -math.log(2 / 7)),
        ("prob", 2 / 7),
        ("logit_diff", math.log(2) - math.log(4)),
        ("prob_diff", 2 / 7 - 4 / 7),
        ("accuracy", 0.0),
        (
            "kl",
            0.25 * math.log(0.25 * 7) + 0.25 * math.log(0.25 * 7 / 2) + 0.5 * math.log(0.5 * 7 / 4),
        ),
    ],
)
def test_by_hand(name: str, value: float) -> None:
    found = metric_named(name).compute(LOGITS, TARGETS)
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx([value], abs=1e-6)


def test_logits_in_double_precision_are_left_as_they_are() -> None:
    """Also where some are as large as logits get, or stand for no token at all."""
    logits = torch.tensor([[800.0, 0.0, 799.0], [-math.inf, 1.0, 1.0]], dtype=torch.float64)
    before, targets = logits.clone(), Targets(torch.tensor([[2], [1]]), torch.tensor([[0], [2]]))
    found = metric_named("logprob").compute(logits, targets)
    assert found.tolist() == pytest.approx([-math.log1p(math.e), -math.log(2)], abs=1e-12)
    metric_named("prob_diff").compute(logits, targets)
    assert logits.equal(before)


def test_answers_columns_read_two_logits_only() -> None:
    for name in METRICS.names():
        metric = metric_named(name)
        if not metric.all_columns:
            two = LOGITS[:, 1:]
            targets = Targets(torch.tensor([[0]]), torch.tensor([[1]]), two)
            assert metric.compute(two, targets) == metric.compute(LOGITS, TARGETS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logprob", math.log(6 / 7)),
        ("loss", -math.log(6 / 7)),
        ("prob", 6 / 7),
        ("logit_diff", (math.log(2) + math.log(4)) / 2 - math.log(1)),
        ("prob_diff", 6 / 7 - 1 / 7),
        ("accuracy", 1.0),
    ],
)
def test_any_answer_of_several_counts(name: str, value: float) -> None:
    """Probabilities are summed, logits averaged; sets are filled up with -1."""
    targets = Targets(torch.tensor([[1, 2]]), torch.tensor([[0, -1]]), CLEAN)
    assert metric_named(name).compute(LOGITS, targets).tolist() == pytest.approx([value], abs=1e-6)


def pairs(answers: tuple[int, ...], distractors: tuple[int, ...]) -> PairSet:
    return PairSet("d", (Pair("7", (1, 2), (1, 3), (Point(1, answers, distractors),), {"end": 1}),))


def test_unknown_and_unserved_metrics() -> None:
    with pytest.raises(Problems) as caught:
        resolve_metrics(["los", "logit_diff"], pairs((4,), ()))
    assert str(caught.value) == (
        "2 problems:\n"
        '1. metrics: unknown metric "los". Did you mean "loss"? Allowed: loss, logprob, prob, '
        "logit_diff, prob_diff, kl, accuracy\n"
        "2. metrics: logit_diff needs the distractor of every evaluation point, and dataset d has "
        'none for pair "7". Add it to the data, or use another metric'
    )
    with pytest.raises(MetricError, match="loss needs the answer"):
        resolve_metrics(["loss"], pairs((), ()))
    assert [metric.name for metric in resolve_metrics(["kl"], pairs((), ()))] == ["kl"]

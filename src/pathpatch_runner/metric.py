"""Metrics: logits at evaluation points -> one number each, in float64.

Adding one is one function and one line of `METRICS`. A function takes logits [point, d_vocab]
in the model's number format and `Targets`, and returns float64 [point].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from pathpatch_runner.dataset.pair import PairSet
from pathpatch_runner.errors import MetricError, PathPatchError, did_you_mean, raise_together


@dataclass(frozen=True)
class Targets:
    """`answers`, `distractors`: long [point, set], filled up with -1: any token of a set counts.
    `clean_logits` [point, d_vocab]: of the clean run at the same points."""

    answers: torch.Tensor
    distractors: torch.Tensor
    clean_logits: torch.Tensor


Compute = Callable[[torch.Tensor, Targets], torch.Tensor]


@dataclass(frozen=True)
class Metric:
    """`unit`: of its values. `better`: "higher" or "lower". `columns`: "answers" if only the
    logits of answer and distractor matter, else "all"."""

    name: str
    compute: Compute
    unit: str
    better: str
    needs_answer: bool = True
    needs_distractor: bool = False
    columns: str = "all"


def mean_of_set(values: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """The mean of `values` [point, set, ...] over the tokens that are there: [point, ...]."""
    there = (tokens >= 0).view(*tokens.shape, *[1] * (values.dim() - 2))
    kept = torch.where(there, values, torch.zeros_like(values)).sum(1)
    result: torch.Tensor = kept / there.sum(1).clamp(min=1)
    return result


def _picked(values: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """`values` [point, d_vocab] of the tokens: [point, set], anything where there is none."""
    return values.gather(-1, tokens.clamp(min=0))


def _log_probabilities(logits: torch.Tensor) -> torch.Tensor:
    return logits.double().log_softmax(-1)


def _of_any(log_probabilities: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Log probability that one of the tokens comes next."""
    picked = _picked(log_probabilities, tokens)
    return picked.masked_fill(tokens < 0, -torch.inf).logsumexp(-1)


def logprob(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Log probability of the answer (of any of them, where there are several)."""
    return _of_any(_log_probabilities(logits), targets.answers)


def loss(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Cross entropy: minus the log probability of the answer."""
    return -logprob(logits, targets)


def prob(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Probability of the answer (of any of them)."""
    return logprob(logits, targets).exp()


def logit_diff(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Logit of the answer minus that of the distractor (mean logits, of several)."""
    answer = mean_of_set(_picked(logits, targets.answers).double(), targets.answers)
    distractor = mean_of_set(_picked(logits, targets.distractors).double(), targets.distractors)
    return answer - distractor


def prob_diff(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Probability of the answer minus that of the distractor (summed, of several)."""
    found = _log_probabilities(logits)
    return _of_any(found, targets.answers).exp() - _of_any(found, targets.distractors).exp()


def kl(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Divergence of the clean distribution from this one: sum of p_clean (log p_clean - log p)."""
    clean = _log_probabilities(targets.clean_logits)
    return (clean.exp() * (clean - _log_probabilities(logits))).sum(-1)


def accuracy(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """1 where the answer (or one of them) has the largest logit, else 0."""
    return (logits.argmax(-1, keepdim=True) == targets.answers).any(-1).double()


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("loss", loss, "nats", "lower"),
        Metric("logprob", logprob, "nats", "higher"),
        Metric("prob", prob, "probability", "higher"),
        Metric("logit_diff", logit_diff, "logits", "higher", True, True, "answers"),
        Metric("prob_diff", prob_diff, "probability", "higher", True, True),
        Metric("kl", kl, "nats", "lower", needs_answer=False),
        Metric("accuracy", accuracy, "fraction", "higher"),
    )
}


def resolve_metrics(names: Sequence[str], pairs: PairSet | None) -> tuple[Metric, ...]:
    """The metrics of these names, which the pairs must be able to serve.

    Raises MetricError for unknown names and for data without what a metric needs.
    """
    if not names:
        raise MetricError(f"metrics: none named. Allowed: {', '.join(METRICS)}")
    problems: list[PathPatchError] = []
    for name in names:
        if name not in METRICS:
            problems.append(
                MetricError(
                    f'metrics: unknown metric "{name}".{did_you_mean(name, METRICS)} '
                    f"Allowed: {', '.join(METRICS)}"
                )
            )
        elif pairs is not None:
            problems += _unserved(METRICS[name], pairs)
    if len(set(names)) != len(names):
        problems.append(MetricError("metrics: one is named twice"))
    raise_together(problems)
    return tuple(METRICS[name] for name in names)


def _unserved(metric: Metric, pairs: PairSet) -> list[PathPatchError]:
    wanted = [("answers", metric.needs_answer), ("distractors", metric.needs_distractor)]
    problems: list[PathPatchError] = []
    for key, needed in wanted:
        lacking = [
            pair.pair_id
            for pair in pairs.pairs
            if not all(getattr(point, key) for point in pair.points)
        ]
        if needed and lacking:
            problems.append(
                MetricError(
                    f"metrics: {metric.name} needs the {key[:-1]} of every evaluation point, and "
                    f'dataset {pairs.name} has none for pair "{lacking[0]}"'
                    f"{f' and {len(lacking) - 1} more' if len(lacking) > 1 else ''}. Add it to the "
                    "data, or use another metric"
                )
            )
    return problems

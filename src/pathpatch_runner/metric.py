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
    """`answer`, `distractor`: long [point], -1 where the data has none. `clean_logits` [point,
    d_vocab]: of the clean run at the same points."""

    answer: torch.Tensor
    distractor: torch.Tensor
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


def _pick(values: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    return values.gather(-1, tokens.clamp(min=0)[:, None])[:, 0]


def _log_probabilities(logits: torch.Tensor) -> torch.Tensor:
    return logits.double().log_softmax(-1)


def logprob(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Log probability of the answer."""
    return _pick(_log_probabilities(logits), targets.answer)


def loss(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Cross entropy: minus the log probability of the answer."""
    return -logprob(logits, targets)


def prob(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Probability of the answer."""
    return logprob(logits, targets).exp()


def logit_diff(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Logit of the answer minus that of the distractor."""
    answer, distractor = _pick(logits, targets.answer), _pick(logits, targets.distractor)
    return answer.double() - distractor.double()


def prob_diff(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Probability of the answer minus that of the distractor."""
    probabilities = _log_probabilities(logits).exp()
    return _pick(probabilities, targets.answer) - _pick(probabilities, targets.distractor)


def kl(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Divergence of the clean distribution from this one: sum of p_clean (log p_clean - log p)."""
    clean = _log_probabilities(targets.clean_logits)
    return (clean.exp() * (clean - _log_probabilities(logits))).sum(-1)


def accuracy(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """1 where the answer has the largest logit, else 0."""
    return (logits.argmax(-1) == targets.answer).double()


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
    wanted = [("answer", metric.needs_answer), ("distractor", metric.needs_distractor)]
    problems: list[PathPatchError] = []
    for key, needed in wanted:
        lacking = [
            pair.pair_id
            for pair in pairs.pairs
            if any(getattr(point, key) is None for point in pair.points)
        ]
        if needed and lacking:
            problems.append(
                MetricError(
                    f"metrics: {metric.name} needs the {key} of every evaluation point, and "
                    f'dataset {pairs.name} has none for pair "{lacking[0]}"'
                    f"{f' and {len(lacking) - 1} more' if len(lacking) > 1 else ''}. Add it to the "
                    "data, or use another metric"
                )
            )
    return problems

"""The metrics that come with this package."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pathpatch_runner.metric.metric import Metric, Targets, mean_of_set

if TYPE_CHECKING:
    import torch


def _picked(values: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """`values` [point, column] of the tokens: [point, set], anything where there is none."""
    return values.gather(-1, tokens.clamp(min=0))


def _log_probabilities(logits: torch.Tensor) -> torch.Tensor:
    return logits.double().log_softmax(-1)


def _log_total(logits: torch.Tensor) -> torch.Tensor:
    """[point]: the logarithm of the sum of the exponentials. One float64 copy of the logits is
    made, and changed in place."""
    largest = logits.detach().amax(-1, keepdim=True).double()
    total: torch.Tensor = (logits - largest).exp_().sum(-1).log() + largest[:, 0]
    return total


def _log_of_any(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """As `_log_total`, over the tokens alone."""
    picked = _picked(logits, tokens).double()
    return picked.masked_fill(tokens < 0, -math.inf).logsumexp(-1)


def _logprob(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Log probability of the answer (of any of them, where there are several)."""
    return _log_of_any(logits, targets.answers) - _log_total(logits)


def _loss(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Cross entropy: minus the log probability of the answer."""
    return -_logprob(logits, targets)


def _prob(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Probability of the answer (of any of them)."""
    return _logprob(logits, targets).exp()


def _logit_diff(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Logit of the answer minus that of the distractor (mean logits, of several)."""
    answer = mean_of_set(_picked(logits, targets.answers).double(), targets.answers)
    distractor = mean_of_set(_picked(logits, targets.distractors).double(), targets.distractors)
    return answer - distractor


def _prob_diff(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Probability of the answer minus that of the distractor (summed, of several)."""
    sets, total = (targets.answers, targets.distractors), _log_total(logits)
    answer, distractor = ((_log_of_any(logits, tokens) - total).exp() for tokens in sets)
    return answer - distractor


def _kl(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Divergence of the clean distribution from this one: sum of p_clean (log p_clean - log p)."""
    clean = _log_probabilities(targets.clean_logits)
    return (clean.exp() * (clean - _log_probabilities(logits))).sum(-1)


def _accuracy(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """1 where the answer (or one of them) has the largest logit, else 0."""
    return (logits.argmax(-1, keepdim=True) == targets.answers).any(-1).double()


loss = Metric("loss", _loss, "nats", "lower")
logprob = Metric("logprob", _logprob, "nats", "higher")
prob = Metric("prob", _prob, "probability", "higher")
logit_diff = Metric(
    "logit_diff", _logit_diff, "logits", "higher", distractors=True, all_columns=False
)
prob_diff = Metric("prob_diff", _prob_diff, "probability", "higher", distractors=True)
kl = Metric("kl", _kl, "nats", "lower", answers=False, clean_logits=True)
accuracy = Metric("accuracy", _accuracy, "fraction", "higher", differentiable=False)

"""The best bigram model of the training text: what the transformer has to beat.

Interpolated Kneser-Ney with one absolute discount, and its back-off, the chance that a token
continues a context, itself smoothed by adding `alpha`. Both numbers are chosen on the held-out text
itself, which favours the baseline. Source: Chen and Goodman 1999, section 2.7.
"""

import torch

DISCOUNTS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
ALPHAS = (0.01, 0.1, 1.0)


def bigram_loss(training: torch.Tensor, heldout: torch.Tensor, d_vocab: int) -> float:
    """Nats per token of `heldout [pos]`, all but its first, under the best smoothing."""
    counts = torch.zeros(d_vocab, d_vocab, dtype=torch.float64)
    ones = torch.ones(len(training) - 1, dtype=torch.float64)
    counts.index_put_((training[:-1], training[1:]), ones, accumulate=True)
    return min(
        _loss(counts, heldout, discount, alpha) for discount in DISCOUNTS for alpha in ALPHAS
    )


def _loss(counts: torch.Tensor, heldout: torch.Tensor, discount: float, alpha: float) -> float:
    continuations = (counts > 0).sum(0).double() + alpha
    backoff = continuations / continuations.sum()
    totals = counts.sum(1, keepdim=True).clamp(min=1)
    seen = (counts > 0).sum(1, keepdim=True)
    weight = torch.where(seen > 0, discount * seen / totals, torch.ones_like(totals))
    probability = (counts - discount).clamp(min=0) / totals + weight * backoff
    return float(-probability[heldout[:-1], heldout[1:]].log().mean())

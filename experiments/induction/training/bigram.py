"""The best bigram model of the training text: what the transformer has to beat.

Every candidate interpolates the discounted counts of a token pair with a back-off, the chance that
a token continues *any* context (Kneser-Ney), and they differ in how much they take from the counts:

*absolute discounting*: one number for every pair;
*modified Kneser-Ney*: three, for pairs seen once, twice and more often, times a common factor;
*Witten-Bell*: as much mass as the context has different continuations.

The factor, the discount and the family are those that are best on the held-out text itself. That
favours the baseline: the transformer is not fitted to that text. Source: Chen and Goodman 1999,
sections 2.4, 2.7 and 3.
"""

from collections.abc import Iterator

import torch

DISCOUNTS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
FACTORS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
UNSEEN = 0.1
"""Added to each token's number of contexts, so that no token is impossible."""


def best_bigram(
    training: torch.Tensor, heldout_rows: torch.Tensor, d_vocab: int
) -> tuple[float, str]:
    """Loss and name of the best candidate.

    ``training [pos]``; ``heldout_rows [rows, pos]`` are scored at all but their first tokens, which
    are the tokens that the transformer is scored at. Nats per token.
    """
    counts = pair_counts(training, d_vocab)
    before, after = heldout_rows[:, :-1].flatten(), heldout_rows[:, 1:].flatten()
    losses = {name: float(-table[before, after].log().mean()) for name, table in candidates(counts)}
    best = min(losses, key=lambda name: losses[name])
    return losses[best], best


def pair_counts(tokens: torch.Tensor, d_vocab: int) -> torch.Tensor:
    """``[d_vocab, d_vocab]`` float64: how often the second token follows the first."""
    counts = torch.zeros(d_vocab, d_vocab, dtype=torch.float64)
    ones = torch.ones(len(tokens) - 1, dtype=torch.float64)
    return counts.index_put_((tokens[:-1], tokens[1:]), ones, accumulate=True)


def candidates(counts: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """Names and next-token probabilities ``[d_vocab, d_vocab]``; every row sums to one."""
    contexts = (counts > 0).sum(0).double() + UNSEEN
    backoff = contexts / contexts.sum()
    for discount in DISCOUNTS:
        taken = counts.clamp(max=1) * discount
        yield f"Kneser-Ney, discount {discount}", _interpolate(counts, taken, backoff)
    for factor in FACTORS:
        by_count = _modified_discounts(counts) * factor
        taken = torch.minimum(by_count[counts.clamp(max=3).long()], counts)
        yield f"modified Kneser-Ney, factor {factor}", _interpolate(counts, taken, backoff)
    total, different = counts.sum(1, keepdim=True), (counts > 0).sum(1, keepdim=True)
    kept = total / (total + different).clamp(min=1)
    yield "Witten-Bell", _interpolate(counts, counts * (1 - kept), backoff)


def _modified_discounts(counts: torch.Tensor) -> torch.Tensor:
    """``[4]``: what pairs seen 0, 1, 2 and 3 or more times lose, by the closed formulas."""
    once, twice, thrice, four = ((counts == n).sum().clamp(min=1).double() for n in (1, 2, 3, 4))
    unit = once / (once + 2 * twice)
    discounts = [1 - 2 * unit * twice / once, 2 - 3 * unit * thrice / twice]
    discounts.append(3 - 4 * unit * four / thrice)
    return torch.stack([torch.zeros_like(unit), *discounts]).clamp(min=0)


def _interpolate(counts: torch.Tensor, taken: torch.Tensor, backoff: torch.Tensor) -> torch.Tensor:
    """Counts less what is taken from them, which goes to the back-off; unseen contexts back off."""
    total = counts.sum(1, keepdim=True)
    weight = torch.where(total > 0, taken.sum(1, keepdim=True) / total.clamp(min=1), 1.0)
    return (counts - taken) / total.clamp(min=1) + weight * backoff

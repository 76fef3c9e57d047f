"""Losses and head scores on data that training never saw. Losses in nats per token.

*Previous-token attention* of a head: mean attention from every position to the one before it.
*Induction attention*: in rows of random tokens that are repeated once, mean attention from a
position of the second half to the token *after* the same token's first occurrence. Both are means
over the same ``ROWS`` rows of ``2 * PERIOD`` tokens. The loss of the second half leaves out its
first token, which nothing announces.
"""

from typing import Any

import torch

from training.batches import BatchShape, consecutive_rows, generator_for, repeated_rows
from training.model import AttentionOnly, next_token_losses

ROWS = 128
PERIOD = 40
EVALUATION_SEED = 1_000_003


@torch.no_grad()
def measure(model: AttentionOnly, heldout: torch.Tensor) -> dict[str, Any]:
    """`heldout [pos]`: token ids of the held-out text."""
    shape = model.shape
    english = [
        next_token_losses(model(rows), rows)
        for rows in consecutive_rows(heldout, shape.n_ctx).split(ROWS)
    ]
    batch = BatchShape(ROWS, shape.n_ctx, shape.d_vocab)
    rows = repeated_rows(ROWS, PERIOD, 0, batch, generator_for(EVALUATION_SEED, 0))
    losses = next_token_losses(model(rows), rows)
    _, patterns = model.run_blocks(rows)
    return {
        "english_loss": float(torch.cat(english).mean()),
        "repeated_first_half_loss": float(losses[:, : PERIOD - 1].mean()),
        "repeated_second_half_loss": float(losses[:, PERIOD:].mean()),
        "previous_token_attention": _scores(patterns, 1, 1),
        "induction_attention": _scores(patterns, PERIOD - 1, PERIOD),
    }


def _scores(patterns: list[torch.Tensor], back: int, first: int) -> dict[str, float]:
    """By head: mean attention from positions `first` on to the one `back` positions before."""
    found: dict[str, float] = {}
    for layer, pattern in enumerate(patterns):
        queries = torch.arange(first, pattern.shape[-1])
        means = pattern[:, :, queries, queries - back].mean((0, 2))
        found |= {f"a{layer}.h{head}": round(float(mean), 4) for head, mean in enumerate(means)}
    return found

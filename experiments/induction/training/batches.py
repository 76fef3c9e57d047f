"""Rows of tokens to train and to measure on: a pure function of the seed and the step.

Two kinds of row, each ``n_ctx`` tokens long:

*periodic*: a random segment of a random period, repeated until the row is full. Every row has its
own period, so no fixed offset predicts anything and only a head that finds the previous occurrence
of the present token can. Rows of one repeat among random filler carry too little signal for that
head to form.

*English*: a window of the training text at a random place.
"""

from dataclasses import dataclass

import torch

MIN_PERIOD, MAX_PERIOD = 8, 60


@dataclass(frozen=True)
class BatchShape:
    batch: int
    n_ctx: int
    d_vocab: int


def generator_for(seed: int, step: int) -> torch.Generator:
    """A generator of its own for each step: resuming needs no generator state."""
    return torch.Generator().manual_seed((seed << 32) + step)


def periodic_rows(rows: int, shape: BatchShape, generator: torch.Generator) -> torch.Tensor:
    """``[rows, n_ctx]``: row ``i`` has period ``p_i`` in ``MIN_PERIOD..MAX_PERIOD``."""
    period = torch.randint(MIN_PERIOD, MAX_PERIOD + 1, (rows, 1), generator=generator)
    segment = torch.randint(shape.d_vocab, (rows, MAX_PERIOD), generator=generator)
    return segment.gather(1, torch.arange(shape.n_ctx) % period)


def english_rows(
    rows: int, shape: BatchShape, text: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """``[rows, n_ctx]`` windows of ``text [pos]``."""
    start = torch.randint(len(text) - shape.n_ctx, (rows, 1), generator=generator)
    return text[start + torch.arange(shape.n_ctx)]


def mixed_rows(
    shape: BatchShape, text: torch.Tensor, periodic: int, generator: torch.Generator
) -> torch.Tensor:
    """``[batch, n_ctx]``: first ``periodic`` periodic rows, then English."""
    return torch.cat(
        [
            periodic_rows(periodic, shape, generator),
            english_rows(shape.batch - periodic, shape, text, generator),
        ]
    )


def repeated_rows(
    rows: int, period: int, filler: int, shape: BatchShape, generator: torch.Generator
) -> torch.Tensor:
    """``[rows, filler + 2 * period]``: random filler, then a random segment twice."""
    tokens = torch.randint(shape.d_vocab, (rows, filler + period), generator=generator)
    return torch.cat([tokens, tokens[:, filler:]], dim=1)


def consecutive_rows(text: torch.Tensor, n_ctx: int) -> torch.Tensor:
    """``[rows, n_ctx]``: ``text [pos]`` cut into rows without overlap; the tail is left out."""
    return text[: len(text) // n_ctx * n_ctx].view(-1, n_ctx)

"""What one forward pass is about: some pairs of equal length, as tensors.

Shapes: `pair` counts the pairs of the batch, `pos` their tokens, `point` their evaluation
points. A position class is an index into the plan's `position_classes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pathpatch_runner.dataset import Pair
from pathpatch_runner.dataset.positions import batch_positions
from pathpatch_runner.plan.extent import BatchPositions


@dataclass(frozen=True)
class Batch:
    """`clean`, `corrupt`, `classes`: long [pair, pos]. The others: long [point]; `rows` is the
    pair of a point within the batch, `numbers` its number in the whole dataset. `answers`,
    `distractors`: long [point, set], filled up with -1. `names` are the pairs' ids. `where`: what
    the batch says of positions, on the host."""

    clean: torch.Tensor
    corrupt: torch.Tensor
    classes: torch.Tensor
    rows: torch.Tensor
    positions: torch.Tensor
    numbers: torch.Tensor
    answers: torch.Tensor
    distractors: torch.Tensor
    names: tuple[str, ...]
    where: BatchPositions

    @property
    def n_pairs(self) -> int:
        """Pairs in the batch."""
        return self.clean.shape[0]


def first_points(pairs: Sequence[Pair]) -> list[int]:
    """The number, in the whole dataset, of every pair's first evaluation point."""
    starts, count = [], 0
    for pair in pairs:
        starts.append(count)
        count += len(pair.points)
    return starts


def make_batch(
    pairs: Sequence[Pair],
    chosen: Sequence[int],
    classes: Sequence[Sequence[int]],
    device: torch.device,
    *,
    n_classes: int = 1,
    everywhere: bool = False,
) -> Batch:
    """The batch of some pairs of the dataset, all of one length.

    `n_classes`: position classes of the plan; `everywhere`: the corrupt run's input differs from
    the clean one's at every position, whatever the tokens.
    """
    starts = first_points(pairs)

    def long(values: Sequence[object]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    own = [pairs[index] for index in chosen]
    points = [
        (row, starts[index] + i, point)
        for row, index in enumerate(chosen)
        for i, point in enumerate(pairs[index].points)
    ]
    return Batch(
        clean=long([pair.clean for pair in own]),
        corrupt=long([pair.corrupt for pair in own]),
        classes=long([classes[index] for index in chosen]),
        rows=long([row for row, _, _ in points]),
        positions=long([point.position for _, _, point in points]),
        numbers=long([number for _, number, _ in points]),
        answers=long(_filled([point.answers for _, _, point in points])),
        distractors=long(_filled([point.distractors for _, _, point in points])),
        names=tuple(pair.pair_id for pair in own),
        where=batch_positions(
            own, [classes[index] for index in chosen], n_classes, everywhere=everywhere
        ),
    )


def _filled(sets: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Sets of tokens as rows of one width, -1 where there is no further token."""
    width = max(1, *map(len, sets)) if sets else 1
    return [[*tokens, *[-1] * (width - len(tokens))] for tokens in sets]

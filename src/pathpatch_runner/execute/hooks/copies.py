"""Copies between worlds as tensor indexing.

Activations have the batch axis first, `[world * pair, pos, ...]`; they are viewed as
`[world, pair, pos, head, d]` here (`head` of size 1 for an MLP).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pathpatch_runner.plan.worlds import Copy


@dataclass(frozen=True)
class Gather:
    """`world`, `head`: long [copy], where to; `source`: long [class, copy], from which world."""

    world: torch.Tensor
    head: torch.Tensor
    source: torch.Tensor


def gather_of(copies: Sequence[Copy], device: torch.device) -> Gather | None:
    """The copies as index tensors; None for no copies."""
    if not copies:
        return None
    return Gather(
        world=torch.tensor([copy.world for copy in copies], device=device),
        head=torch.tensor([copy.head for copy in copies], device=device),
        source=torch.tensor([copy.sources for copy in copies], device=device).T.contiguous(),
    )


def copy_between_worlds(
    values: torch.Tensor, gather: Gather | None, classes: torch.Tensor
) -> torch.Tensor:
    """`values` [world, pair, pos, head, d] with the copies made. `classes`: long [pair, pos]."""
    if gather is None:
        return values
    result = values.clone()
    copied = values[gather.source[0], :, :, gather.head]
    for number in range(1, len(gather.source)):
        here = (classes == number)[None, :, :, None]
        other = values[gather.source[number], :, :, gather.head]
        copied = torch.where(here, other, copied)
    result[gather.world, :, :, gather.head] = copied
    return result

"""Which distances from a query to a key are of which back class (a range of distances)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pathpatch_runner.expression.alphabet import BackClass


def distance_masks(
    back_classes: Sequence[BackClass], queries: torch.Tensor, keys: torch.Tensor
) -> torch.Tensor:
    """Bool [back class, query, key] of positions `queries` and `keys` (long). Every pair of
    positions is of one class."""
    distance = queries[:, None] - keys[None, :]
    masks = []
    for least, most in back_classes:
        mask = torch.ones_like(distance, dtype=torch.bool)
        if least is not None:
            mask &= distance >= least
        if most is not None:
            mask &= distance <= most
        masks.append(mask)
    return torch.stack(masks)

"""Numbers of the host that choose on the device: nothing waits for it."""

from __future__ import annotations

import numpy as np
import torch


def on_device(numbers: np.ndarray, device: torch.device) -> torch.Tensor:
    """The numbers as a tensor there."""
    return torch.as_tensor(numbers).to(device, non_blocking=True)


def rows_of(values: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
    """The rows [n, ...] of `values` [m, ...] by their numbers: neighbours, and the same row again
    and again, without a copy."""
    first = int(rows[0])
    if (rows == np.arange(first, first + len(rows))).all():
        return values[first : first + len(rows)]
    if (rows == first).all():
        return values[first : first + 1].expand(len(rows), *values.shape[1:])
    return values.index_select(0, on_device(rows, values.device))

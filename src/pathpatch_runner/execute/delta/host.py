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
    count, first, last = len(rows), int(rows[0]), int(rows[-1])
    # Ends first: most rows are told apart by them.
    if last - first == count - 1 and (count < 3 or bool((rows[1:] - rows[:-1] == 1).all())):
        return values if count == len(values) else values[first : first + count]
    if first == last and bool((rows == first).all()):
        return values[first : first + 1].expand(count, *values.shape[1:])
    return values.index_select(0, on_device(rows, values.device))

"""What can go wrong while units are evaluated, as one message that names the units and the pairs.

*Out of memory*: less fitted than was thought; the loop halves the chunk, and only one unit that
does not fit alone ends the run. *The device failed*: it disappeared, or a kernel of it gave up;
nothing computed on it since can be believed, and the run ends. *Not numbers*: logits or values
that are NaN or infinite are never averaged; the run ends, and says which unit on which pair.
"""

from __future__ import annotations

import numpy as np
import torch

from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.batch import Batch

OF_A_DEVICE = ("CUDA", "cuDNN", "CUBLAS", "cuBLAS", "NCCL", "HIP", "MPS", "device-side assert")
"""How torch's RuntimeErrors of a device can be told from others, which are mistakes of ours."""
KEPT = "What was evaluated before is kept, and the same command goes on from there"


def is_out_of_memory(error: RuntimeError) -> bool:
    """On any device: torch has a class for accelerators, and words for the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def is_of_the_device(error: RuntimeError) -> bool:
    """Whether the device failed, not a computation on it."""
    kind = getattr(torch, "AcceleratorError", ())
    return isinstance(error, kind) or any(word in str(error) for word in OF_A_DEVICE)


class DoesNotFitError(ExecutionError):
    """Out of memory with `what`: some units (fewer at once may fit), or the plain runs."""

    def __init__(self, what: str, batch: Batch) -> None:
        super().__init__(
            f"out of memory with {what} on {_pairs(batch)}. Give a smaller runtime.memory_gb, so "
            f"that fewer pairs are evaluated at once, shorter prompts, or another device. {KEPT}"
        )


def device_failed(error: RuntimeError, what: str, batch: Batch) -> ExecutionError:
    """`error`: of a device, whose first line is its message."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return ExecutionError(
        f"the device failed with {what} on {_pairs(batch)}: {first}. Check the device. {KEPT}"
    )


def not_numbers(what: str, batch: Batch, point: int) -> ExecutionError:
    """`what`: "logits", or a metric's values, and of which run or unit; `point`: of the batch."""
    return ExecutionError(
        f'{what} on pair "{batch.names[int(batch.rows[point])]}" at position '
        f"{int(batch.positions[point])} are NaN or infinite. Try model.dtype float32 (or float64), "
        "and check the weights file"
    )


def first_that_is_none(values: np.ndarray) -> tuple[int, int] | None:
    """(metric, point) of the first of some values [..., metric, point] that is no number."""
    bad = np.argwhere(~np.isfinite(values))
    return None if not len(bad) else (int(bad[0, -2]), int(bad[0, -1]))


def units_text(first: str, count: int) -> str:
    """'"h/p[s=a0.h1]" and 11 others', of so many units."""
    others = count - 1
    return f'"{first}"' + (f" and {others} other{'s' * (others != 1)}" if others else "")


def _pairs(batch: Batch) -> str:
    first, last = batch.names[0], batch.names[-1]
    many = f'{batch.n_pairs} pairs, from "{first}" to "{last}"'
    return f'pair "{first}"' if batch.n_pairs == 1 else many

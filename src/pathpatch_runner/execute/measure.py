"""From logits at evaluation points to metric values, in float64 on the host."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.metric import Metric, Targets


def measure(
    metrics: Sequence[Metric], logits: torch.Tensor, batch: Batch, clean_logits: torch.Tensor
) -> np.ndarray:
    """Float64 [metric, point] of logits [point, d_vocab]. Raises on NaN and infinity."""
    check_finite(logits, batch)
    targets = Targets(batch.answers, batch.distractors, clean_logits)
    values = [metric.compute(logits, targets) for metric in metrics]
    return torch.stack(values).cpu().numpy()


def check_finite(logits: torch.Tensor, batch: Batch) -> None:
    """Refuse logits that are not numbers, naming the first pair that has them."""
    bad = ~torch.isfinite(logits).all(-1)
    if bool(bad.any()):
        point = int(bad.nonzero()[0, 0])
        pair = batch.names[int(batch.rows[point])]
        raise ExecutionError(
            f'logits of pair "{pair}" at position {int(batch.positions[point])} are NaN or '
            "infinite. Try model.dtype float32 (or float64), and check the weights file"
        )

"""What path sets carry into the logits, as a vector that the unembedding reads.

The *write* of a path set is what it changes in the stream that the logits read, patched minus base:
for `a0.h3 -> a1.h5<k> -> logits` the change of what a1.h5 writes, as no other node that writes to
the logits is patched. The final norm reads it to first order at the base run:

    carried = mean over evaluation points of  J write      J: the norm's derivative at base's stream

`W_U carried` is then by how much the logits rise or fall per unit of the write, were it small
beside the stream. Without a norm that is the change of the logits itself; a norm bends, so that the
logits of the patched run differ from it where a write is large. Of the logits a cap is left out,
which keeps their order.

Shapes: n streams, point, unit, d_model.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.autograd.functional import jvp

from pathpatch_runner.config import Direction
from pathpatch_runner.execute.delta.executor import DeltaExecutor
from pathpatch_runner.execute.delta.narrow import Narrow
from pathpatch_runner.execute.drive import batches_of
from pathpatch_runner.execute.readout import Readout
from pathpatch_runner.execute.task import Task
from pathpatch_runner.model.nodes import unembedding
from pathpatch_runner.plan.chunk import chunks_of
from pathpatch_runner.plan.plan import Plan


class ThroughNorm:
    """Final streams -> `J write` of each. `base`: base's final stream [point, d_model], at all
    points."""

    def __init__(self, norm: Callable[[torch.Tensor], torch.Tensor], base: torch.Tensor) -> None:
        self._norm = norm
        self._base = base

    def narrow(self, narrow: Narrow, base: torch.Tensor) -> None:
        """Narrow streams are made wide."""
        del narrow, base

    def measure(self, streams: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Float64 [n, d_model, point] of `streams` [n, point, d_model] at `points` [point]."""
        base = self._base[points].expand_as(streams)
        change: torch.Tensor = jvp(self._norm, base, streams - base)[1]
        return change.double().transpose(1, 2)


def carried(task: Task, plan: Plan, direction: Direction) -> np.ndarray:
    """Float64 [unit, d_model]: what each unit carries, over all points and draws."""
    n_points = sum(len(pair.points) for pair in task.pairs.pairs)
    total = np.zeros((plan.n_units, task.model.shape.d_model))
    with torch.no_grad():
        executor = DeltaExecutor(task, plan)
        for batch in batches_of(task, plan, executor):
            for draw in range(task.source.draws):
                prepared = executor.prepare(batch, draw, Readout(batch, task.metrics))
                for chunk in chunks_of(plan, batch.where, prepared.size, prepared.room):
                    values = prepared.written(chunk, direction, ThroughNorm).sum(-1)
                    total[chunk.units] += values.cpu().numpy() / task.source.draws
    return total / n_points


def token_changes(task: Task, vectors: np.ndarray) -> np.ndarray:
    """Float64 [unit, d_vocab]: what `vectors` [unit, d_model] do to the logits, less the mean over
    all tokens: what raises every logit alike changes no probability."""
    w_u = unembedding(task.model).w_u.detach()
    with torch.no_grad():
        logits = (torch.as_tensor(vectors).to(w_u.device, w_u.dtype) @ w_u.T).double()
        found: np.ndarray = (logits - logits.mean(-1, keepdim=True)).cpu().numpy()
    return found

"""From logits at evaluation points to metric values, and whether logits are numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.metric import Metric, Targets

CPU_BLOCK = 2**17
"""Logits that metrics are given at once on a CPU: what they make of them, in float64, stays in its
caches. A card is given all there are."""


class Readout:
    """The metrics of a task at the evaluation points of one batch."""

    def __init__(self, batch: Batch, metrics: Sequence[Metric]) -> None:
        self._batch = batch
        self.metrics = tuple(metrics)
        self.needs_clean = any(metric.clean_logits for metric in metrics)
        self.clean_logits: torch.Tensor | None = None
        self.right = torch.full(
            (2, self.n_points), torch.nan, dtype=torch.float64, device=batch.rows.device
        )
        self._bad = torch.zeros(self.n_points, dtype=torch.bool, device=batch.rows.device)

    @property
    def n_points(self) -> int:
        """Evaluation points of the batch."""
        return len(self._batch.rows)

    @property
    def all_points(self) -> torch.Tensor:
        """Numbers of all points: long [point]."""
        return torch.arange(self.n_points, device=self._bad.device)

    def remember_clean(self, logits: torch.Tensor) -> None:
        """Keep the clean logits [point, n_logits] for metrics that compare with them."""
        if self.needs_clean:
            self.clean_logits = logits

    def plain(self, clean: torch.Tensor, corrupt: torch.Tensor) -> torch.Tensor:
        """Values [2, metric, point] of the plain runs, from their logits [point, n_logits] at all
        points. The clean logits are kept for metrics that compare with them."""
        self.remember_clean(clean)
        logits = torch.stack([clean, corrupt])
        for run, each in enumerate(logits):
            self.note_right(run, each)
        return self.measure(logits, self.all_points)

    def note_right(self, run: int, logits: torch.Tensor) -> None:
        """In `right` [2, point], whether an answer is the most likely token in the clean (0) or the
        corrupt (1) run, by its logits [point, n_logits]; NaN at points without an answer."""
        answers = self._batch.answers
        hit = (logits.argmax(-1, keepdim=True) == answers).any(-1).double()
        self.right[run] = torch.where((answers >= 0).any(-1), hit, torch.nan)

    def measure(self, logits: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Float64 [n, metric, point] of logits [n, point, n_logits] at points `points` [point]."""
        return self.measure_some(range(len(self.metrics)), logits, points)

    def measure_some(
        self,
        chosen: Sequence[int],
        logits: torch.Tensor,
        points: torch.Tensor,
        targets: Targets | None = None,
    ) -> torch.Tensor:
        """`measure`, of the `chosen` metrics. `targets`: those of every row of `logits` [n *
        point], where they are not the data's."""
        self._note(logits, points)
        rows = logits.flatten(0, 1)
        owners = points.repeat(len(logits))
        size = max(1, CPU_BLOCK // rows.shape[1]) if rows.is_cpu else len(rows)
        parts: list[list[torch.Tensor]] = [[] for _ in chosen]
        for start in range(0, len(rows), size):
            block = slice(start, start + size)
            own = self._targets(owners[block]) if targets is None else targets.some(block)
            for number, found in zip(chosen, parts, strict=True):
                found.append(self.metrics[number].compute(rows[block], own).double())
        values = [torch.cat(found).view(logits.shape[:2]) for found in parts]
        return torch.stack(values, dim=1)

    def _targets(self, points: torch.Tensor) -> Targets:
        clean = None if self.clean_logits is None else self.clean_logits[points]
        return Targets(self._batch.answers[points], self._batch.distractors[points], clean)

    def _note(self, logits: torch.Tensor, points: torch.Tensor) -> None:
        # Noted on the device, asked by `first_bad`: no waiting inside a chunk.
        self._bad[points] |= ~torch.isfinite(logits.sum((0, 2)))

    def first_bad(self) -> int | None:
        """The first point with logits that are not numbers since the last call; None: there is
        none."""
        if not bool(self._bad.any()):
            return None
        point = int(self._bad.nonzero()[0, 0])
        self._bad.zero_()
        return point

"""From finished streams to metric values at evaluation points.

Metrics that need two logits only (`columns == "answers"`) get two: the answer's and the
distractor's columns of the unembedding (means, where several count), in place of the whole
vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.delta.deltas import Selection
from pathpatch_runner.metric import Metric, Targets, mean_of_set
from pathpatch_runner.model.nodes import Unembedding
from pathpatch_runner.plan.plan import BASE, PATCHED


class Readout:
    """Final streams at evaluation points -> metric values. Points are those of a batch."""

    def __init__(
        self, part: Unembedding, batch: Batch, metrics: Sequence[Metric], workspace: int
    ) -> None:
        self._part = part
        self._batch = batch
        self._workspace = workspace
        several = max(batch.answers.shape[1], batch.distractors.shape[1]) > 1
        # A mean of capped logits is no cap of their mean.
        few = {"answers"} if not (several and part.softcap) else set()
        self._of_answers = [i for i, m in enumerate(metrics) if m.columns in few]
        self._of_all = [i for i, m in enumerate(metrics) if m.columns not in few]
        self._metrics = metrics
        self._needs_clean = any(metric.name == "kl" for metric in metrics)
        self.clean_logits: torch.Tensor | None = None
        self._bad = torch.zeros(len(batch.rows), dtype=torch.bool, device=batch.rows.device)
        sets = (batch.answers, batch.distractors) if self._of_answers else ()
        # [point, d_model, 2]: answer and distractor columns of every point.
        columns = [mean_of_set(part.w_u[tokens.clamp(min=0)], tokens) for tokens in sets]
        self._columns = torch.stack(columns, dim=-1) if sets else None
        self._offsets = None
        if part.b_u is not None and sets:
            biases = [mean_of_set(part.b_u[t.clamp(min=0)][..., None], t) for t in sets]
            self._offsets = torch.cat(biases, dim=-1)

    @property
    def n_points(self) -> int:
        """Evaluation points of the batch."""
        return len(self._batch.rows)

    def remember_clean(self, final: torch.Tensor) -> None:
        """Keep the clean logits for metrics that compare with them. `final`: [point, d_model]."""
        if self._needs_clean:
            self.clean_logits = self._logits(self._part.norm(final))

    def measure(self, streams: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Float64 [n, metric, point] of `streams` [n, point, d_model] at `points` [point]."""
        values = streams.new_empty(
            len(streams), len(self._metrics), len(points), dtype=torch.float64
        )
        normed = self._part.norm(streams)
        if self._of_answers:
            self._measure_answers(normed, points, values)
        if self._of_all:
            width = self._part.w_u.shape[0] * len(points)
            size = max(1, self._workspace // width)
            for start in range(0, len(streams), size):
                part = slice(start, start + size)
                self._measure_all(normed[part], points, values[part])
        return values

    def _measure_answers(
        self, normed: torch.Tensor, points: torch.Tensor, values: torch.Tensor
    ) -> None:
        assert self._columns is not None
        pair = torch.bmm(normed.transpose(0, 1), self._columns[points]).transpose(0, 1)
        if self._offsets is not None:
            pair = pair + self._offsets[points]
        pair = self._capped(pair)
        self._check(pair, points)
        n_rows = pair.shape[0] * pair.shape[1]
        answer = torch.zeros(n_rows, 1, dtype=torch.long, device=pair.device)
        targets = Targets(answer, answer + 1, pair.flatten(0, 1))
        self._compute(self._of_answers, pair, targets, values)

    def _measure_all(
        self, normed: torch.Tensor, points: torch.Tensor, values: torch.Tensor
    ) -> None:
        logits = self._logits(normed)
        self._check(logits, points)
        repeated = points.expand(len(normed), -1).flatten()
        clean = logits.flatten(0, 1)
        if self.clean_logits is not None:
            clean = self.clean_logits[repeated]
        batch = self._batch
        targets = Targets(batch.answers[repeated], batch.distractors[repeated], clean)
        self._compute(self._of_all, logits, targets, values)

    def _compute(
        self, chosen: list[int], logits: torch.Tensor, targets: Targets, values: torch.Tensor
    ) -> None:
        for number in chosen:
            found = self._metrics[number].compute(logits.flatten(0, 1), targets)
            values[:, number] = found.view(logits.shape[:2])

    def _logits(self, normed: torch.Tensor) -> torch.Tensor:
        rows = normed.reshape(-1, normed.shape[-1])
        logits = torch.nn.functional.linear(rows, self._part.w_u, self._part.b_u)
        return self._capped(logits).view(*normed.shape[:-1], -1)

    def _capped(self, logits: torch.Tensor) -> torch.Tensor:
        cap = self._part.softcap
        return torch.tanh(logits / cap) * cap if cap else logits

    def _check(self, logits: torch.Tensor, points: torch.Tensor) -> None:
        # Noted on the device, reported by `check_finite`: no waiting inside the loop.
        self._bad[points] |= ~torch.isfinite(logits.sum((0, 2)))

    def check_finite(self) -> None:
        """Refuse logits that are not numbers, naming the first pair that has them."""
        if bool(self._bad.any()):
            point = int(self._bad.nonzero()[0, 0])
            pair = self._batch.names[int(self._batch.rows[point])]
            raise ExecutionError(
                f'logits of pair "{pair}" at position {int(self._batch.positions[point])} are NaN '
                "or infinite. Try model.dtype float32 (or float64), and check the weights file"
            )


@dataclass
class _ClassOutputs:
    """Outputs of one position class. `column` [stream]: where a stream's values go, or -1;
    `points`: numbers of the class's points; `values` [output, metric, point]."""

    column: np.ndarray
    points: np.ndarray
    values: torch.Tensor


class Outputs:
    """Values of all units of a table on a batch, filled in as streams finish."""

    def __init__(
        self,
        readout: Readout,
        final: torch.Tensor,
        plain: torch.Tensor,
        outputs: np.ndarray,
        point_classes: np.ndarray,
        batch: Batch,
        n_streams: int,
    ) -> None:
        """`final` [B, T, d_model]: base's last stream. `plain` [2, metric, point]: values of base
        and patched. `outputs` [unit, class]; `point_classes` [point]."""
        self._readout = readout
        self._outputs = outputs
        self._rows = batch.rows.cpu().numpy()
        self._positions = batch.positions.cpu().numpy()
        self._base = final[batch.rows, batch.positions]
        self._device = final.device
        self._by_class: dict[int, _ClassOutputs] = {}
        for number in np.unique(point_classes).tolist():
            points = np.flatnonzero(point_classes == number)
            used = np.unique(np.append(outputs[:, number], [BASE, PATCHED]))
            column = np.full(n_streams, -1)
            column[used] = np.arange(len(used))
            index = torch.as_tensor(points).to(self._device)
            values = plain[0][None][:, :, index].repeat(len(used), 1, 1)
            values[column[PATCHED]] = plain[1][:, index]
            self._by_class[number] = _ClassOutputs(column, points, values)

    def finish(self, ids: np.ndarray, delta: torch.Tensor, places: Selection) -> None:
        """Measure streams `ids`, which differ from base by `delta` [n, B, P, d_model]."""
        for outputs in self._by_class.values():
            chosen = np.flatnonzero(outputs.column[ids] >= 0)
            here = np.flatnonzero(places.chosen[self._positions[outputs.points]])
            if len(chosen) and len(here):
                self._measure(outputs, ids[chosen], delta, chosen, here, places)

    def _measure(
        self,
        outputs: _ClassOutputs,
        ids: np.ndarray,
        delta: torch.Tensor,
        chosen: np.ndarray,
        here: np.ndarray,
        places: Selection,
    ) -> None:
        points = outputs.points[here]
        rows = self._rows[points]
        columns = np.searchsorted(places.numbers, self._positions[points])
        if len(chosen) != len(delta):
            delta = delta.index_select(0, self._index(chosen))
        in_order = len(rows) == delta.shape[1] and (rows == np.arange(len(rows))).all()
        if in_order and (columns == columns[0]).all():
            change = delta[:, :, int(columns[0])]
        else:
            change = delta[:, self._index(rows), self._index(columns)]
        index = self._index(points)
        values = self._readout.measure(self._base[index] + change, index)
        into = self._index(outputs.column[ids])
        if len(here) == len(outputs.points):
            outputs.values[into] = values
        else:
            outputs.values[into[:, None], :, self._index(here)] = values.transpose(1, 2)

    def _index(self, numbers: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(numbers).to(self._device, non_blocking=True)

    def values(self) -> np.ndarray:
        """Float64 [unit, metric, point]."""
        n_points = len(self._rows)
        some = next(iter(self._by_class.values())).values
        result = np.zeros((len(self._outputs), some.shape[1], n_points))
        for number, outputs in self._by_class.items():
            columns = outputs.column[self._outputs[:, number]]
            result[:, :, outputs.points] = outputs.values.cpu().numpy()[columns]
        return result

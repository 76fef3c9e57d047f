"""From streams at the end of the model to metric values at evaluation points.

Metrics that do not need all columns of the logits get two: the answer's and the distractor's
columns of the unembedding (means, where several count), in place of the whole vocabulary.
"""

from __future__ import annotations

import numpy as np
import torch

from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.delta.narrow import Narrow, NarrowColumns
from pathpatch_runner.execute.delta.outputs import NarrowMeasure
from pathpatch_runner.execute.readout import Readout
from pathpatch_runner.metric import Targets, mean_of_set
from pathpatch_runner.model.nodes import Unembedding, softcapped


class StreamReadout:
    """Final streams of one batch -> metric values. `workspace`: elements a temporary may have."""

    def __init__(self, readout: Readout, part: Unembedding, batch: Batch, workspace: int) -> None:
        self._readout = readout
        self._part = part
        self._workspace = workspace
        several = max(batch.answers.shape[1], batch.distractors.shape[1]) > 1
        # A mean of capped logits is no cap of their mean.
        whole = several and part.softcap > 0
        few = [i for i, metric in enumerate(readout.metrics) if not (metric.all_columns or whole)]
        self._of_two = few
        self._of_all = [i for i in range(len(readout.metrics)) if i not in few]
        self._clean_two: torch.Tensor | None = None
        if few:
            sets = (batch.answers, batch.distractors)
            # [point, d_model, 2]: answer and distractor columns of every point.
            columns = [mean_of_set(part.w_u[tokens.clamp(min=0)], tokens) for tokens in sets]
            self._columns = torch.stack(columns, dim=-1)
            self._offsets = None
            if part.b_u is not None:
                biases = [mean_of_set(part.b_u[t.clamp(min=0)][..., None], t) for t in sets]
                self._offsets = torch.cat(biases, dim=-1)

    @property
    def columns(self) -> int:
        """How many columns of the unembedding a stream is multiplied with."""
        return int(self._part.w_u.shape[0]) if self._of_all else 2

    def remember_clean(self, final: torch.Tensor) -> None:
        """Keep the clean logits for metrics that compare with them. `final`: [point, d_model]."""
        if self._readout.needs_clean:
            normed = self._part.norm(final)
            self._readout.remember_clean(self._part.logits(normed))
            if self._of_two:
                self._clean_two = self._two_columns(normed[None], self._readout.all_points)[0]

    def plain(self, clean: torch.Tensor, corrupt: torch.Tensor) -> torch.Tensor:
        """Values [2, metric, point] of the plain runs, from their final streams [point, d_model]
        at all points; as `Readout.plain`."""
        self.remember_clean(clean)
        for run, final in enumerate((clean, corrupt)):
            self._readout.note_right(run, self._part.logits(self._part.norm(final)))
        return self.measure(torch.stack([clean, corrupt]), self._readout.all_points)

    def narrow(self, narrow: Narrow, base: torch.Tensor) -> NarrowMeasure | None:
        """Measures narrow streams by their two columns; None where a metric needs all of them."""
        if self._of_all:
            return None
        columns = NarrowColumns(narrow.writers, narrow.final, base, self._columns)

        def measured(z: torch.Tensor, writers: np.ndarray, points: torch.Tensor) -> torch.Tensor:
            pair = columns.values(z, writers, points)
            shape = (len(z), len(self._readout.metrics), len(points))
            values = z.new_empty(shape, dtype=torch.float64)
            self._measure_two(self._finished(pair, points), points, values)
            return values

        return measured

    def measure(self, streams: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Float64 [n, metric, point] of `streams` [n, point, d_model] at `points` [point]."""
        n_metrics = len(self._readout.metrics)
        values = streams.new_empty(len(streams), n_metrics, len(points), dtype=torch.float64)
        normed = self._part.norm(streams)
        if self._of_two:
            self._measure_two(self._two_columns(normed, points), points, values)
        if self._of_all:
            width = self._part.w_u.shape[0] * len(points)
            size = max(1, self._workspace // width)
            for start in range(0, len(streams), size):
                rows = slice(start, start + size)
                logits = self._part.logits(normed[rows])
                self._readout.measure_into(values[rows], self._of_all, logits, points)
        return values

    def _measure_two(self, pair: torch.Tensor, points: torch.Tensor, values: torch.Tensor) -> None:
        n_rows = pair.shape[0] * pair.shape[1]
        answer = torch.zeros(n_rows, 1, dtype=torch.long, device=pair.device)
        clean = None
        if self._clean_two is not None:
            clean = self._clean_two[points].expand(len(pair), -1, -1).flatten(0, 1)
        targets = Targets(answer, answer + 1, clean)
        self._readout.measure_into(values, self._of_two, pair, points, targets)

    def _two_columns(self, normed: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Logits [n, point, 2] of answer and distractor, of `normed` [n, point, d_model]."""
        pair = torch.bmm(normed.transpose(0, 1), self._columns[points]).transpose(0, 1)
        return self._finished(pair, points)

    def _finished(self, pair: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Products with the columns [n, point, 2] as logits: offsets and the cap."""
        if self._offsets is not None:
            pair = pair + self._offsets[points]
        return softcapped(pair, self._part.softcap)

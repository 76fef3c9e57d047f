"""From streams at the end of the model to metric values at evaluation points.

Metrics that do not need all columns of the logits get two: the answer's and the distractor's
columns of the unembedding (means, where several count), in place of the whole vocabulary.
"""

from __future__ import annotations

import numpy as np
import torch

from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.delta.columns import NarrowColumns
from pathpatch_runner.execute.delta.host import on_device
from pathpatch_runner.execute.delta.narrow import Narrow
from pathpatch_runner.execute.delta.narrow_logits import NarrowLogits
from pathpatch_runner.execute.delta.outputs import NarrowMeasure
from pathpatch_runner.execute.readout import Readout
from pathpatch_runner.metric import Targets, mean_of_set
from pathpatch_runner.model.nodes import Unembedding, softcapped

CPU_LOGITS, CPU_ROWS = 2**18, 128
"""Logits made at once on a CPU, so that they are in its caches when they are measured; but no fewer
than those of so many rows, which a product wants."""


class StreamReadout:
    """Final streams of one batch -> metric values. `workspace`: elements a temporary may have."""

    def __init__(self, readout: Readout, part: Unembedding, batch: Batch, workspace: int) -> None:
        self._readout = readout
        self._part = part
        self._workspace = workspace
        self._at_once = workspace
        if part.w_u.is_cpu:
            self._at_once = min(workspace, max(CPU_LOGITS, CPU_ROWS * len(part.w_u)))
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

    def kept(self, width: int) -> int:
        """Elements kept to measure narrow streams in one direction, at most. `width`: of the z of
        all heads."""
        points, tokens = len(self._readout.all_points), len(self._part.w_u)
        of_all = min(self._workspace, points * tokens) + min(self._workspace, width * tokens)
        return of_all * bool(self._of_all) + 3 * width * points * bool(self._of_two)

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
        """Measures narrow streams, by their two columns where metrics need no more; None where one
        needs all columns and these do not fit."""
        all_fit = NarrowLogits.fits(narrow, self._part, len(base), self._workspace)
        if self._of_all and not all_fit:
            return None
        of_two = of_all = None
        if self._of_two:
            of_two = NarrowColumns(narrow.writers, narrow.final, base, self._columns)
        if self._of_all:
            of_all = NarrowLogits(narrow, self._part, base, self._workspace)

        def measured(
            z: torch.Tensor, writers: np.ndarray, points: torch.Tensor
        ) -> torch.Tensor | None:
            if of_all is not None and not of_all.saves(len(z) * len(points), writers):
                return None
            values = self._no_values(z, points)
            if of_two is not None:
                pair = self._finished(of_two.values(z, writers, points), points)
                values[:, self._of_two] = self._measure_two(pair, points)
            if of_all is not None:
                for rows, logits in of_all.blocks(z, writers, points, self._at_once):
                    some = self._readout.measure_some(self._of_all, logits, points)
                    index = on_device(rows, values.device)[:, None]
                    values[index, self._of_all] = some
            return values

        return measured

    def measure(self, streams: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Float64 [n, metric, point] of `streams` [n, point, d_model] at `points` [point]."""
        values = self._no_values(streams, points)
        normed = self._part.norm(streams)
        if self._of_two:
            pair = self._two_columns(normed, points)
            values[:, self._of_two] = self._measure_two(pair, points)
        if self._of_all:
            width = len(self._part.w_u) * len(points)
            size = max(1, self._at_once // width)
            for start in range(0, len(streams), size):
                rows = slice(start, start + size)
                logits = self._part.logits(normed[rows])
                some = self._readout.measure_some(self._of_all, logits, points)
                values[rows, self._of_all] = some
        return values

    def _no_values(self, streams: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """For values [n, metric, point] of so many streams."""
        shape = (len(streams), len(self._readout.metrics), len(points))
        return streams.new_empty(shape, dtype=torch.float64)

    def _measure_two(self, pair: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Values [n, metric of two columns, point] of their logits [n, point, 2]."""
        n_rows = pair.shape[0] * pair.shape[1]
        answer = torch.zeros(n_rows, 1, dtype=torch.long, device=pair.device)
        clean = None
        if self._clean_two is not None:
            clean = self._clean_two[points].expand(len(pair), -1, -1).flatten(0, 1)
        targets = Targets(answer, answer + 1, clean)
        return self._readout.measure_some(self._of_two, pair, points, targets)

    def _two_columns(self, normed: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Logits [n, point, 2] of answer and distractor, of `normed` [n, point, d_model]."""
        pair = torch.bmm(normed.transpose(0, 1), self._columns[points]).transpose(0, 1)
        return self._finished(pair, points)

    def _finished(self, pair: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Products with the columns [n, point, 2] as logits: offsets and the cap."""
        if self._offsets is not None:
            pair = pair + self._offsets[points]
        return softcapped(pair, self._part.softcap)

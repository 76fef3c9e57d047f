"""The streams that the versions of a stage read, made of base's and differences from it."""

from __future__ import annotations

import numpy as np
import torch

from pathpatch_runner.execute.delta.deltas import Deltas, Selection
from pathpatch_runner.execute.delta.narrow import Narrow, NarrowReadings
from pathpatch_runner.execute.delta.readings import Normed
from pathpatch_runner.execute.delta.setting import Setting

WIDENING = 20
"""Multiplications that take as long as making and norming one number of a wide stream."""


class Reads:
    """On one batch. `streams`: differences found so far; `narrow`: None where all are wide."""

    def __init__(self, setting: Setting, streams: Deltas, narrow: Narrow | None) -> None:
        self._functions = setting.functions
        self._runs = setting.runs
        self._classes = setting.batch.classes
        self._n_classes = len(setting.batch.where.classes)
        self._streams = streams
        self._narrow = narrow

    def stream(self, number: int, readings: np.ndarray, positions: Selection) -> torch.Tensor:
        """The streams [n, B, P, d_model] that readings [n, class] read at a stage."""
        base, patched = self._runs.stream[number]
        kept = positions.take(base)
        different = patched - base
        if (readings == readings[:, :1]).all():
            delta = self._streams.take(readings[:, 0], positions, different)
            whole = kept[None].expand(len(readings), -1, -1, -1)
            return whole if delta is None else kept + delta
        whole = kept[None].repeat(len(readings), 1, 1, 1)
        classes = positions.take(self._classes, -1)
        for number_class in range(self._n_classes):
            delta = self._streams.take(readings[:, number_class], positions, different)
            if delta is not None:
                whole += delta * (classes == number_class)[None, :, :, None]
        return whole

    def normed(self, number: int, layer: int, readings: np.ndarray, positions: Selection) -> Normed:
        """What the heads of a layer read: wide, or narrow where all streams are."""
        form = None
        if self._narrow is not None and self._streams.is_narrow[readings].all():
            form = self._narrow.form(layer)
        if self._narrow is None or form is None:
            return self.wide(number, layer, readings, positions)
        z, owners = self._streams.narrow(readings[:, 0], positions)
        base = positions.take(self._runs.stream[number][0])
        return NarrowReadings.of(self._narrow.writers, form, z, owners, base)

    def wide(
        self, number: int, layer: int, readings: np.ndarray, positions: Selection
    ) -> torch.Tensor:
        """As `normed`, wide in any case."""
        norm = self._functions.attention[layer].norm
        return norm(self.stream(number, readings, positions))

    def queried(
        self, number: int, layer: int, readings: np.ndarray, positions: Selection, pairs: int
    ) -> Normed:
        """As `normed`, wide where that takes less. `pairs`: of a reading and a head that projects
        it: few of each writer, at few positions, are best made wide, since a narrow one takes a
        product of two heads' matrices."""
        part = self._functions.attention[layer]
        d_head, width = part.w_o.shape[1:]
        rows = len(self._classes) * len(positions)
        wide = (len(readings) + pairs) * rows * d_head * width
        wide += len(readings) * rows * width * WIDENING
        narrow = len(readings) * rows * d_head * width + pairs * d_head * d_head * (width + rows)
        if wide < narrow:
            return self.wide(number, layer, readings, positions)
        return self.normed(number, layer, readings, positions)

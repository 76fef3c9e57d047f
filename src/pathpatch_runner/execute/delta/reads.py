"""The streams that the versions of a step read, made of base's and differences from it."""

from __future__ import annotations

import numpy as np
import torch

from pathpatch_runner.execute.delta.deltas import Deltas, Selection
from pathpatch_runner.execute.delta.grid import runs_of
from pathpatch_runner.execute.delta.narrow import Narrow, NarrowReadings, NormedBase
from pathpatch_runner.execute.delta.readings import Normed
from pathpatch_runner.execute.delta.setting import Setting
from pathpatch_runner.graph import Graph

WIDENING = 20
"""Multiplications that take as long as making and norming one number of a wide stream."""


class Reads:
    """On one batch. `streams`: differences found so far; `narrow`: None where all are wide."""

    def __init__(
        self, setting: Setting, graph: Graph, streams: Deltas, narrow: Narrow | None
    ) -> None:
        self._functions = setting.functions
        self._runs = setting.runs
        self._classes = setting.batch.classes
        self._n_classes = len(setting.batch.where.classes)
        self._streams = streams
        self._narrow = narrow
        # Of the attention of each layer.
        self._stages = {
            node.layer: stage
            for node, stage in zip(graph.nodes, graph.stage_of, strict=True)
            if node.slots and len(node.slots) > 1
        }

    def stream(self, number: int, readings: np.ndarray, positions: Selection) -> torch.Tensor:
        """The streams [n, B, P, d_model] that readings [n, class] read at a stage."""
        plain = self._runs.stream[number]
        kept = positions.take(plain[0])
        if (readings == readings[:, :1]).all():
            delta = self._streams.take(readings[:, 0], positions, plain)
            whole = kept[None].expand(len(readings), -1, -1, -1)
            return whole if delta is None else kept + delta
        whole = kept[None].repeat(len(readings), 1, 1, 1)
        classes = positions.take(self._classes, -1)
        for number_class in range(self._n_classes):
            delta = self._streams.take(readings[:, number_class], positions, plain)
            if delta is not None:
                whole += delta * (classes == number_class)[None, :, :, None]
        return whole

    def normed(self, layers: np.ndarray, readings: np.ndarray, positions: Selection) -> Normed:
        """What heads of the ascending `layers` [n] read: wide, or narrow where all streams are."""
        if self._narrow is None or not self._streams.is_narrow[readings].all():
            return self.wide(layers, readings, positions)
        bases = {}
        for layer in np.unique(layers).tolist():
            form = self._narrow.form(layer)
            if form is None:
                return self.wide(layers, readings, positions)
            base = positions.take(self._runs.stream[self._stages[layer]][0])
            bases[layer] = NormedBase.of(form, base)
        z, owners = self._streams.narrow(readings[:, 0], positions)
        return NarrowReadings.of(self._narrow, z, owners, layers, bases)

    def wide(self, layers: np.ndarray, readings: np.ndarray, positions: Selection) -> torch.Tensor:
        """As `normed`, wide in any case."""
        parts = []
        for layer, rows in runs_of(layers):
            stream = self.stream(self._stages[layer], readings[rows], positions)
            parts.append(self._functions.attention[layer].norm(stream))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def queried(
        self, layers: np.ndarray, readings: np.ndarray, positions: Selection, pairs: int
    ) -> Normed:
        """As `normed`, wide where that takes less. `pairs`: of a reading and a head that projects
        it: few of each writer, at few positions, are best made wide, since a narrow one takes a
        product of two heads' matrices."""
        d_head, width = self._functions.attention[int(layers[0])].w_o.shape[1:]
        rows = len(self._classes) * len(positions)
        wide = (len(readings) + pairs) * rows * d_head * width
        wide += len(readings) * rows * width * WIDENING
        narrow = len(readings) * rows * d_head * width + pairs * d_head * d_head * (width + rows)
        if wide < narrow:
            return self.wide(layers, readings, positions)
        return self.normed(layers, readings, positions)

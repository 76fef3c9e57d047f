"""The output matrices of all heads, and what is made of them once.

Shapes: D d_head, W distinct writers. A *writer* is the number of a head among all heads of the
model, layer by layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pathpatch_runner.execute.delta.grid import runs_of
from pathpatch_runner.execute.delta.host import on_device, rows_of
from pathpatch_runner.execute.delta.norm_form import NormForm


class Writers:
    """The output matrices of all heads. `w_o`: by layer, [n_heads, D, d_model]."""

    def __init__(self, w_o: Sequence[torch.Tensor]) -> None:
        self._w_o = w_o
        self.n_heads = len(w_o[0])
        self._grams: dict[tuple[int, bool], torch.Tensor] = {}
        self._means: dict[int, torch.Tensor] = {}

    def matrix(self, writer: int) -> torch.Tensor:
        """[D, d_model] of one writer."""
        return self._w_o[writer // self.n_heads][writer % self.n_heads]

    def onto(self, writers: np.ndarray, rows: torch.Tensor) -> torch.Tensor:
        """[W, n, D]: `rows` [n, d_model] times the transposed matrix of each of `writers` [W]."""
        result = rows.new_empty(len(writers), len(rows), self._w_o[0].shape[1])
        for writer, into in zip(writers.tolist(), result.unbind(), strict=True):
            torch.mm(rows, self.matrix(writer).T, out=into)
        return result

    def product(self, writers: np.ndarray, right: torch.Tensor) -> torch.Tensor:
        """[W, D, m]: of the matrices of ascending `writers` [W] with `right` [d_model, m]."""
        parts = []
        for layer in np.unique(writers // self.n_heads).tolist():
            heads = writers[writers // self.n_heads == layer] % self.n_heads
            w_o = self._w_o[layer]
            if len(heads) == 1:
                w_o = w_o[int(heads[0])][None]
            elif len(heads) < self.n_heads:
                w_o = w_o[on_device(heads, w_o.device)]
            parts.append((w_o.flatten(0, 1) @ right).view(len(heads), -1, right.shape[1]))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def grams(self, writers: np.ndarray, form: NormForm) -> torch.Tensor:
        """[W, D, D]: each writer's matrix, centred, with itself."""
        own = writers.tolist()
        missing = [writer for writer in own if (writer, form.centres) not in self._grams]
        if missing:
            centred = form.centred(torch.stack([self.matrix(writer) for writer in missing]))
            made = centred @ centred.transpose(1, 2)
            for writer, gram in zip(missing, made, strict=True):
                self._grams[writer, form.centres] = gram
        return torch.stack([self._grams[writer, form.centres] for writer in own])

    def means(self, writers: np.ndarray) -> torch.Tensor:
        """[n, D]: the mean over d_model of the matrix of each of `writers` [n]."""
        used, which = np.unique(writers, return_inverse=True)
        parts = []
        for layer, rows in runs_of(used // self.n_heads):
            if layer not in self._means:
                self._means[layer] = self._w_o[layer].mean(-1)
            parts.append(rows_of(self._means[layer], used[rows] % self.n_heads))
        return rows_of(torch.cat(parts), which)

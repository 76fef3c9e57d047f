"""A few columns of the unembedding, of streams that differ from base by what one head writes."""

from __future__ import annotations

import numpy as np
import torch

from pathpatch_runner.execute.delta.grid import Grid, Take, in_grids, runs_of
from pathpatch_runner.execute.delta.host import rows_of
from pathpatch_runner.execute.delta.norm_form import NormForm
from pathpatch_runner.execute.delta.writers import Writers


class NarrowColumns:
    """A few columns of the unembedding, of narrow streams at evaluation points.

    `stream`: base's [point, d_model]; `columns` [point, d_model, k]: those of each point. What all
    heads of a layer need is made at once, when the first of them is asked for.
    """

    def __init__(
        self, writers: Writers, form: NormForm, stream: torch.Tensor, columns: torch.Tensor
    ) -> None:
        self._writers = writers
        self._form = form
        self._shape = columns.shape
        base = form.centred(stream)
        self._squares = (base**2).sum(-1)
        weighted = form.weight[None, :, None] * columns
        self._own = torch.bmm(base[:, None], weighted)[:, 0]
        self._offset = torch.einsum("d,pdk->pk", form.bias, columns)
        if form.centres:
            weighted = weighted - weighted.mean(1, keepdim=True)
        # [d_model, point * (k + 1)]: the columns of each point, and twice base.
        right = torch.cat([weighted, 2 * base[..., None]], dim=-1)
        self._right = right.transpose(0, 1).flatten(1)
        self._layers: dict[int, torch.Tensor] = {}

    def values(self, z: torch.Tensor, writers: np.ndarray, points: torch.Tensor) -> torch.Tensor:
        """[n, point, k] of `z` [n, point, D] of `writers` [n], at the points `points` [point]."""

        def product(grid: Grid, take: Take) -> torch.Tensor:
            # Made contiguous here, for the two products to come.
            rows = take(z).transpose(1, 2).contiguous()
            return self._product(rows, grid.used, points)

        return in_grids(writers, z.device, product)

    def _product(self, rows: torch.Tensor, used: np.ndarray, points: torch.Tensor) -> torch.Tensor:
        """[W, place, point, k] of `rows` [W, point, place, D] of the writers `used` [W]."""
        grams = self._writers.grams(used, self._form)
        found = rows @ self._of_writers(used, points)
        inner = (rows.flatten(1, 2) @ grams).view(rows.shape).mul_(rows).sum(-1)
        squares = inner + found[..., -1] + self._squares[points][:, None]
        scale = self._form.scale(squares.clamp_min_(0))[..., None]
        own, offset = self._own[points][:, None], self._offset[points][:, None]
        return ((found[..., :-1] + own) * scale + offset).transpose(1, 2)

    def _of_writers(self, used: np.ndarray, points: torch.Tensor) -> torch.Tensor:
        """As `_of_layer`, of ascending writers, at some points."""
        parts = []
        for layer, rows in runs_of(used // self._writers.n_heads):
            if layer not in self._layers:
                self._layers[layer] = self._of_layer(layer)
            parts.append(rows_of(self._layers[layer], used[rows] % self._writers.n_heads))
        return torch.cat(parts)[:, points]

    def _of_layer(self, layer: int) -> torch.Tensor:
        """[H, point, D, k + 1]: matrices with the columns of each point, and with twice base."""
        heads = layer * self._writers.n_heads + np.arange(self._writers.n_heads)
        found = self._writers.product(heads, self._right)
        parted: torch.Tensor = found.unflatten(2, (self._shape[0], -1))
        return parted.transpose(1, 2)

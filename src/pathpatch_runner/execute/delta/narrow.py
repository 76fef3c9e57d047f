"""Streams that differ from base by what one head writes, read without ever being made.

On a single path every stream is such a one. It is kept *narrow*, as the change of the head's z
[n, B, P, D], not as that of the stream, z W_O [n, B, P, d_model], which is ten times as wide. What
reads it needs no more. With x the base stream, c the centring of the norm (a symmetric projection),
w and b its weight and bias (`norm_form`), and W the matrix of a reader's slot:

    norm(x + z W_O) W  =  scale (c(x) w W  +  z [W_O c(w W)])  +  b W
    scale              =  1 / sqrt((|c(x)|^2 + z (2 W_O c(x) + [W_O c(W_O)] z)) / d_model + eps)

The brackets are D x D: one for each pair of a writer and a reader's slot, and one for each writer.
Nothing is left out: these are the same sums in another order.

Example: `a0.h1 -> a1.h0<k>` at 160 positions, d_model 768, D 64. Wide: a product of 160 x 64 x 768
for the stream, a norm of 160 x 768 numbers, a product of 160 x 768 x 64 for the keys. Narrow: one
of 64 x 768 x 64 for the pair of heads and one of 160 x 64 x 64.

Shapes: n streams, B pairs, P positions, D d_head, W distinct writers. A *writer* is the number of a
head among all heads of the model, layer by layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from pathpatch_runner.execute.delta.grid import Grid, Take, in_grids, runs_of, times_own
from pathpatch_runner.execute.delta.host import on_device, rows_of
from pathpatch_runner.execute.delta.norm_form import NormForm, norm_form
from pathpatch_runner.model.nodes import NodeFunctions


class Writers:
    """The output matrices of all heads. `w_o`: by layer, [n_heads, D, d_model]."""

    def __init__(self, w_o: Sequence[torch.Tensor]) -> None:
        self._w_o = w_o
        self.n_heads = len(w_o[0])
        self._grams: dict[tuple[int, bool], torch.Tensor] = {}

    def matrix(self, writer: int) -> torch.Tensor:
        """[D, d_model] of one writer."""
        return self._w_o[writer // self.n_heads][writer % self.n_heads]

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


@dataclass(frozen=True)
class NarrowReadings:
    """Narrow streams as the slots of one layer read them, at some positions. `z` [n, B, P, D];
    `owners` [n]: their writers; `scale` [n, B, P]; `base` [B, P, d_model]: base's stream, centred;
    `base_scale` [B, P]: what the norm multiplies that with."""

    writers: Writers
    form: NormForm
    z: torch.Tensor
    owners: np.ndarray
    scale: torch.Tensor
    base: torch.Tensor
    base_scale: torch.Tensor

    @classmethod
    def of(
        cls,
        writers: Writers,
        form: NormForm,
        z: torch.Tensor,
        owners: np.ndarray,
        stream: torch.Tensor,
    ) -> NarrowReadings:
        """`stream`: base's [B, P, d_model] at the positions of `z`."""
        base = form.centred(stream)
        squares = (base**2).sum(-1)
        used, which = np.unique(owners, return_inverse=True)
        across = 2 * writers.product(used, base.flatten(0, 1).T).transpose(1, 2)
        index = on_device(which, z.device)
        inner = torch.baddbmm(
            across[index], z.flatten(1, 2), writers.grams(used, form)[index]
        ).view(z.shape)
        # Rounding may take the square of a row that is nearly 0 below it.
        scale = form.scale((squares + (inner * z).sum(-1)).clamp_min_(0))
        return cls(writers, form, z, owners, scale, base, form.scale(squares))

    def __len__(self) -> int:
        return len(self.owners)

    def some(self, rows: np.ndarray) -> NarrowReadings:
        """Some of the readings, by their numbers."""
        z, scale = rows_of(self.z, rows), rows_of(self.scale, rows)
        return NarrowReadings(
            self.writers, self.form, z, self.owners[rows], scale, self.base, self.base_scale
        )

    def times(self, weight: torch.Tensor, known: torch.Tensor | None) -> torch.Tensor:
        """norm(stream) @ weight [n, B, P, m], for `weight` [d_model, m]. `known` [B, P, m]: what it
        is of base's stream, where that is there already."""
        form = self.form
        weighted = form.weight[:, None] * weight
        offset = form.bias @ weight
        used, which = np.unique(self.owners, return_inverse=True)
        if form.centres:
            pairs = self.writers.product(used, weighted - weighted.mean(0))
        else:
            pairs = self.writers.product(used, weighted)
        if known is None:
            own = (self.base.flatten(0, 1) @ weighted).view(*self.base.shape[:2], -1)
        else:
            own = (known - offset) / self.base_scale[..., None]
        index = on_device(which, self.z.device)
        product = torch.bmm(self.z.flatten(1, 2), pairs[index]).view(*self.z.shape[:3], -1)
        return (product + own) * self.scale[..., None] + offset

    def through(
        self, values: torch.Tensor, which: np.ndarray, heads: np.ndarray, weight: torch.Tensor
    ) -> torch.Tensor:
        """[n, B, P, m]: `values` [n, B, P, D], of the writers of the readings `which`, through
        those, the norm's weight, and the matrix [d_model, m] of each one's head in `weight`."""
        owners = self.owners[which]
        rows = values[0].numel() // values.shape[-1]
        keys = owners * len(weight) + heads
        pairs, of = np.unique(keys, return_inverse=True)
        if self._by_pairs(len(pairs), len(values) * rows):
            matrices = self._pairs(pairs // len(weight), pairs % len(weight), weight)
            return times_own(values, of, lambda pair: matrices[pair])
        wide = self.form.centred(times_own(values, owners, self.writers.matrix))
        return times_own(wide * self.form.weight, heads, lambda head: weight[head])

    def _by_pairs(self, pairs: int, rows: int) -> bool:
        """Whether a product of two heads' matrices for each of `pairs` is less than wide rows."""
        return pairs * self.z.shape[-1] < 2 * rows

    def _pairs(self, owners: np.ndarray, heads: np.ndarray, weight: torch.Tensor) -> torch.Tensor:
        """[pair, D, m]: of each writer's matrix, the norm's weight and a head's matrix. `owners`
        [pair] ascending, and `heads` of each."""
        used, which = np.unique(heads, return_inverse=True)
        by_head = weight[on_device(used, weight.device)] * self.form.weight[:, None]
        if self.form.centres:
            by_head = by_head - by_head.mean(1, keepdim=True)
        every = by_head.transpose(0, 1).flatten(1)
        result = weight.new_empty(len(owners), self.z.shape[-1], weight.shape[-1])
        for owner, rows in runs_of(owners):
            some = which[rows]
            right = every
            if len(some) < len(used):
                index = on_device(some, weight.device)
                right = by_head[index].transpose(0, 1).flatten(1)
            product = self.writers.matrix(owner) @ right
            result[rows] = product.unflatten(1, (len(some), -1)).transpose(0, 1)
        return result


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
        # [d_model, point * k + point]: columns, and twice base.
        self._right = torch.cat([weighted.permute(1, 0, 2).flatten(1), 2 * base.T], dim=1)
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def values(self, z: torch.Tensor, writers: np.ndarray, points: torch.Tensor) -> torch.Tensor:
        """[n, point, k] of `z` [n, point, D] of `writers` [n], at the points `points` [point]."""
        result = z.new_empty(*z.shape[:2], self._shape[2])
        for layer in np.unique(writers // self._writers.n_heads).tolist():
            rows = np.flatnonzero(writers // self._writers.n_heads == layer)
            if layer not in self._layers:
                self._layers[layer] = self._of_layer(layer)
            index = on_device(rows, z.device)
            some = z if len(rows) == len(z) else z.index_select(0, index)
            product = partial(self._product, some, layer, points)
            result[index] = in_grids(writers[rows], z.device, product)
        return result

    def _product(
        self, z: torch.Tensor, layer: int, points: torch.Tensor, grid: Grid, take: Take
    ) -> torch.Tensor:
        """[writer, place, point, k]."""
        heads = on_device(grid.used % self._writers.n_heads, z.device)
        pairs, across = (each[heads][:, points] for each in self._layers[layer])
        grams = self._writers.grams(grid.used, self._form)
        rows = take(z).transpose(1, 2)
        inner = (rows.flatten(1, 2) @ grams).view(rows.shape) + across[:, :, None]
        squares = (inner * rows).sum(-1) + self._squares[points][:, None]
        scale = self._form.scale(squares.clamp_min_(0))[..., None]
        own, offset = self._own[points][:, None], self._offset[points][:, None]
        return ((rows @ pairs + own) * scale + offset).transpose(1, 2)

    def _of_layer(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(matrices with the columns [H, point, D, k], with twice base [H, point, D])."""
        n_points, _, k = self._shape
        heads = layer * self._writers.n_heads + np.arange(self._writers.n_heads)
        found = self._writers.product(heads, self._right)
        pairs = found[:, :, : n_points * k].unflatten(2, (n_points, k)).transpose(1, 2)
        return pairs, found[:, :, n_points * k :].transpose(1, 2)


class Narrow:
    """What reading narrow streams of a model takes: the heads' matrices, the readers' norms."""

    def __init__(self, functions: NodeFunctions, final: NormForm) -> None:
        self._attention = functions.attention
        self._forms: dict[int, NormForm | None] = {}
        self.writers = Writers([part.w_o for part in functions.attention])
        self.final = final

    @classmethod
    def of(cls, functions: NodeFunctions) -> Narrow | None:
        """None for a model whose heads write through a norm, or whose norms have no form."""
        if any(part.post is not None for part in functions.attention):
            return None
        w_u = functions.logits.w_u
        final = norm_form(functions.logits.norm, w_u.shape[1], w_u)
        return None if final is None else cls(functions, final)

    def form(self, layer: int) -> NormForm | None:
        """Of what the heads of a layer read."""
        if layer not in self._forms:
            part = self._attention[layer]
            self._forms[layer] = norm_form(part.norm, part.w_o.shape[-1], part.w_o)
        return self._forms[layer]

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

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from pathpatch_runner.execute.delta.grid import Grid, Take, in_grids, neighbours, runs_of, times_own
from pathpatch_runner.execute.delta.host import rows_of
from pathpatch_runner.execute.delta.norm_form import NormForm, norm_form
from pathpatch_runner.execute.delta.writers import Writers
from pathpatch_runner.model.nodes import NodeFunctions, Projection


@dataclass(frozen=True)
class SlotSums:
    """What readers of a slot of a layer have in common whatever they read: `of_weight`, `of_bias`
    [K, D], the weight and the bias of the norm, through the matrix of each head."""

    of_weight: torch.Tensor
    of_bias: torch.Tensor

    @classmethod
    def of(cls, form: NormForm, projection: Projection) -> SlotSums:
        """Of the norm that the slot reads through."""
        return cls(form.weight @ projection.weight, form.bias @ projection.weight)


class Narrow:
    """What reading narrow streams of a model takes: the heads' matrices, the readers' norms."""

    def __init__(self, functions: NodeFunctions, final: NormForm) -> None:
        self._attention = functions.attention
        self._forms: dict[int, NormForm | None] = {}
        # The projections live as long as the functions do.
        self._sums: dict[int, SlotSums] = {}
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

    def sums(self, projection: Projection, layer: int) -> SlotSums:
        """Of a slot of a layer."""
        key = id(projection)
        if key not in self._sums:
            form = self.form(layer)
            assert form is not None
            self._sums[key] = SlotSums.of(form, projection)
        return self._sums[key]


@dataclass(frozen=True)
class NormedBase:
    """Base's stream as the slots of one layer read it, at some positions: `centred` [B, P,
    d_model], its `squares` [B, P], and what the norm multiplies it with, `scale` [B, P]."""

    form: NormForm
    centred: torch.Tensor
    squares: torch.Tensor
    scale: torch.Tensor

    @classmethod
    def of(cls, form: NormForm, stream: torch.Tensor) -> NormedBase:
        """`stream`: base's [B, P, d_model]."""
        centred = form.centred(stream)
        squares = (centred**2).sum(-1)
        return cls(form, centred, squares, form.scale(squares))


@dataclass(frozen=True)
class NarrowReadings:
    """Narrow streams as slots of some layers read them, at some positions. `z` [n, B, P, D];
    `owners` [n]: their writers; `layers` [n]: ascending; `scale` [n, B, P]; `bases`: by layer."""

    narrow: Narrow
    z: torch.Tensor
    owners: np.ndarray
    layers: np.ndarray
    scale: torch.Tensor
    bases: Mapping[int, NormedBase]

    @classmethod
    def of(
        cls,
        narrow: Narrow,
        z: torch.Tensor,
        owners: np.ndarray,
        layers: np.ndarray,
        bases: Mapping[int, NormedBase],
    ) -> NarrowReadings:
        """At the positions of `bases`."""
        scale = z.new_empty(z.shape[:-1])
        for layer, rows in runs_of(layers):
            base, own = bases[layer], z[rows]
            used, which = np.unique(owners[rows], return_inverse=True)
            across = narrow.writers.onto(used, 2 * base.centred.flatten(0, 1))
            grams = narrow.writers.grams(used, base.form)
            inner = torch.baddbmm(rows_of(across, which), own.flatten(1, 2), rows_of(grams, which))
            # Rounding may take the square of a row that is nearly 0 below it.
            squares = base.squares + (inner.view(own.shape) * own).sum(-1)
            scale[rows] = base.form.scale(squares.clamp_min_(0))
        return cls(narrow, z, owners, layers, scale, bases)

    def __len__(self) -> int:
        return len(self.owners)

    def some(self, rows: np.ndarray) -> NarrowReadings:
        """Some of the readings, by their numbers."""
        z, scale = rows_of(self.z, rows), rows_of(self.scale, rows)
        return NarrowReadings(
            self.narrow, z, self.owners[rows], self.layers[rows], scale, self.bases
        )

    @cached_property
    def base_scale(self) -> torch.Tensor:
        """[n, B, P]: what the norm multiplies base's stream with."""
        parts = [
            self.bases[layer].scale[None].expand(rows.stop - rows.start, -1, -1)
            for layer, rows in runs_of(self.layers)
        ]
        return torch.cat(parts)

    def sums(self, projection: Projection, layer: int) -> SlotSums:
        """What all readings have in common, as a slot of a layer reads them."""
        return self.narrow.sums(projection, layer)

    def reader(self, layer: int, weight: torch.Tensor) -> torch.Tensor:
        """The matrix [d_model, m] of a slot of a layer, with the norm's weight."""
        return self.bases[layer].form.weight[:, None] * weight

    def times(self, projection: Projection, head: int, known: torch.Tensor | None) -> torch.Tensor:
        """norm(stream) times the matrix of a head [n, B, P, D] of readings of one layer. `known`
        [B, P, D]: what it is of base's stream, where that is there already."""
        layer = int(self.layers[0])
        base, sums = self.bases[layer], self.sums(projection, layer)
        offset = sums.of_bias[head]
        reader = self.reader(layer, projection.weight[head])
        used, which = np.unique(self.owners, return_inverse=True)
        pairs = self.narrow.writers.product(used, reader)
        if base.form.centres:
            pairs -= self.narrow.writers.means(used)[:, :, None] * sums.of_weight[head]
        if known is None:
            own = (base.centred.flatten(0, 1) @ reader).view(*base.centred.shape[:2], -1)
        else:
            own = (known - offset) / base.scale[..., None]
        rows = self.z.flatten(1, 2)
        product = torch.bmm(rows, rows_of(pairs, which)).view(*self.z.shape[:3], -1)
        return (product + own) * self.scale[..., None] + offset

    def through(
        self,
        values: torch.Tensor,
        which: np.ndarray,
        heads: np.ndarray,
        matrix: Callable[[int], torch.Tensor],
        weights: torch.Tensor,
    ) -> torch.Tensor:
        """[n, B, P, m]: `values` [n, B, P, D], of the writers of the readings `which`, through
        those, centred where the norm centres, and the `reader` [d_model, m] of each one's head:
        `matrix(head)`, whose sum over d_model is `weights` [n, m]."""
        owners = self.owners[which]
        rows = values[0].numel() // values.shape[-1]
        size = int(heads.max()) + 1
        pairs, of = np.unique(owners * size + heads, return_inverse=True)
        if self._by_pairs(len(pairs), len(values) * rows):
            matrices = self._pairs(pairs // size, pairs % size, matrix)

            def product(grid: Grid, take: Take) -> torch.Tensor:
                rows = take(values)
                own = rows.flatten(1, -2) @ rows_of(matrices, grid.used)
                return own.view(*rows.shape[:-1], -1)

            result = in_grids(of, values.device, product)
        else:
            wide = times_own(values, owners, self.narrow.writers.matrix)
            result = times_own(wide, heads, matrix)
        if self.centres:
            means = values @ self.narrow.writers.means(owners)[:, None, :, None]
            result -= means * weights[:, None, None]
        return result

    def seen(self, through: torch.Tensor, owners: np.ndarray, rows: np.ndarray) -> torch.Tensor:
        """[n, B, P, D]: of `through` [r, B, P, d_model], which readings are to be multiplied with,
        the `rows` [n] as the z of ascending writers `owners` [n] meet them."""
        writers = self.narrow.writers
        result = through.new_empty(len(owners), *through.shape[1:3], self.z.shape[-1])
        flat = result.flatten(1, 2)
        for owner, some in runs_of(owners):
            values = rows_of(through, rows[some]).flatten(0, 2)
            torch.mm(values, writers.matrix(owner).T, out=flat[some].flatten(0, 1))
        if self.centres:
            total = rows_of(through.sum(-1, keepdim=True), rows)
            result -= total * writers.means(owners)[:, None, None]
        return result

    @property
    def centres(self) -> bool:
        """Whether the norms take off the mean."""
        return self.bases[int(self.layers[0])].form.centres

    def _by_pairs(self, pairs: int, rows: int) -> bool:
        """Whether a product of two heads' matrices for each of `pairs` is less than wide rows."""
        return pairs * self.z.shape[-1] < 2 * rows

    def _pairs(
        self, owners: np.ndarray, heads: np.ndarray, matrix: Callable[[int], torch.Tensor]
    ) -> torch.Tensor:
        """[pair, D, m]: of each writer's matrix and a head's. `owners` [pair] ascending, and
        `heads` of each."""
        used, which = np.unique(heads, return_inverse=True)
        every = torch.cat([matrix(head) for head in used.tolist()], dim=1)
        width = every.shape[1] // len(used)
        result = every.new_empty(len(owners), self.z.shape[-1], width)
        for owner, rows in runs_of(owners):
            own = self.narrow.writers.matrix(owner)
            for first, some in neighbours(which[rows]):
                columns = every[:, first * width : (first + some.stop - some.start) * width]
                product = (own @ columns).unflatten(1, (-1, width))
                start = rows.start
                result[start + some.start : start + some.stop] = product.transpose(0, 1)
        return result

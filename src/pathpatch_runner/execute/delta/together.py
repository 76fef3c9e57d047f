"""Head versions of which one slot changed: all heads of a layer at once, mixed before projected.

On single paths every version is one of these. A head is seldom evaluated at as many positions as
it reads, so what attention does is cheaper in another order. With w the pattern, q a query, W a
slot's matrix and n_t what a key or value position reads, normed:

    keys      q (n_t W)         =  (q W^T) n_t       the query goes through the matrix, once a head
    values    sum_t w_t (n_t W) =  (sum_t w_t n_t) W    the mixture goes through it, once a position

Of a narrow reading (`narrow`) n_t is `scale_t (c(x_t) w + z_t W_O ...) + b`, of which c(x_t) is
base's: its products are those that base had. What is left is z_t, of width D, and so

    keys      scale_t (z_t [W_O (q W^T)])       a vector of D for each writer, head and query
    values    (sum_t w_t scale_t z_t) W_O W

Where keys turn with their position (rotary) or are normed, and where there are more queries than
that saves, readings are projected as in `readings`.

Shapes: n versions, ascending by head; r readings; H heads used; B pairs, P positions evaluated, C
changed positions of keys and values, T all; D d_head, M d_model.
"""

from __future__ import annotations

import numpy as np
import torch

from pathpatch_runner.execute.delta.base_heads import BaseHeads
from pathpatch_runner.execute.delta.deltas import Selection
from pathpatch_runner.execute.delta.grid import Grid, Take, in_grids, runs_of, times_own
from pathpatch_runner.execute.delta.host import rows_of
from pathpatch_runner.execute.delta.narrow import NarrowReadings
from pathpatch_runner.execute.delta.readings import K, Normed, Q
from pathpatch_runner.execute.delta.runs import project, project_narrow
from pathpatch_runner.model.nodes import Projection, softcapped


class HeadsTogether:
    """Some heads of a layer on one batch, at some positions: what of them differs from `base`."""

    def __init__(self, base: BaseHeads) -> None:
        self._base = base

    def change(
        self, slot: int, heads: np.ndarray, which: np.ndarray, normed: Normed
    ) -> torch.Tensor:
        """[n, B, P, D]: z of versions less that of base. `heads` [n], ascending; `which` [n]: the
        row of `normed` that the slot reads, of queries at `positions`, else at `key_positions`."""
        here = np.searchsorted(self._base.used, heads)
        if slot == Q:
            return self._of_queries(here, which, normed)
        if slot == K:
            return self._of_keys(here, which, normed)
        return self._of_values(here, which, normed)

    def _of_queries(self, here: np.ndarray, which: np.ndarray, normed: Normed) -> torch.Tensor:
        part = self._base.part
        base = self._base.positions.take(self._base.run.q[0])
        q = self._projected(
            part.q, self._base.used[here], which, normed, self._base.positions, base
        )
        q = q * part.scale

        def product(grid: Grid, take: Take) -> torch.Tensor:
            keys = self._base.k[self._base.index(grid.used)]
            scores = _by_pair(take(q)) @ keys.transpose(-1, -2)
            return self._mixed(softcapped(scores, part.softcap), grid)

        return in_grids(here, self._base.device, product)

    def _of_keys(self, here: np.ndarray, which: np.ndarray, normed: Normed) -> torch.Tensor:
        changed = self._key_scores(here, which, normed)
        columns = self._base.key_positions.slice or self._base.key_positions.index

        def product(grid: Grid, take: Take) -> torch.Tensor:
            scores = self._base.scores[self._base.index(grid.used)]
            scores = scores[:, None].repeat(1, grid.width, 1, 1, 1)
            scores[..., columns] = take(changed)
            return self._mixed(softcapped(_by_pair(scores), self._base.part.softcap), grid)

        return in_grids(here, self._base.device, product)

    def _mixed(self, scores: torch.Tensor, grid: Grid) -> torch.Tensor:
        """[H, place, B, P, D]: z less that of base, of scores [H, B, place * P, T]."""
        used = self._base.index(grid.used)
        scores = scores.unflatten(2, (grid.width, -1)).masked_fill(self._base.mask, -torch.inf)
        z = scores.softmax(-1).flatten(2, 3) @ self._base.v[used]
        return _by_place(z, grid) - self._base.z[used][:, None]

    def _key_scores(self, here: np.ndarray, which: np.ndarray, normed: Normed) -> torch.Tensor:
        """[n, B, P, C]: scores of the changed keys, before the cap and the mask."""
        projection = self._base.part.k
        plain = projection.norm is None and projection.rotary is None
        if plain and isinstance(normed, NarrowReadings) and self._few(here, which, normed.owners):
            return self._narrow_key_scores(here, which, normed)
        if plain and isinstance(normed, torch.Tensor) and self._few(here, which, None):
            return self._wide_key_scores(here, which, normed)
        base = self._base.key_positions.take(self._base.run.k[0])
        heads = self._base.used[here] // self._base.group_size
        k = self._projected(projection, heads, which, normed, self._base.key_positions, base)

        def product(grid: Grid, take: Take) -> torch.Tensor:
            queries = self._base.q[self._base.index(grid.used)][:, None]
            return queries @ take(k).transpose(-1, -2)

        return in_grids(here, self._base.device, product)

    def _few(self, here: np.ndarray, which: np.ndarray, owners: np.ndarray | None) -> bool:
        """Whether mixing first takes fewer multiplications than projecting first, for keys of
        readings by `owners` [r], or of wide ones (None)."""
        width, d_head = self._base.part.w_o.shape[2], self._base.part.w_o.shape[1]
        queries = self._base.q.shape[1] * len(self._base.positions)
        keys = self._base.q.shape[1] * len(self._base.key_positions)
        n, heads = len(here), len(self._base.used)
        if owners is None:
            mixed = heads * queries * d_head + n * queries * len(self._base.key_positions)
            return mixed < n * keys * d_head
        pairs = len(np.unique(owners[which] * heads + here))
        mixed = (heads + pairs) * queries * d_head * width
        projected = pairs * d_head * d_head * width + n * keys * d_head * d_head
        return mixed < projected

    def _narrow_key_scores(
        self, here: np.ndarray, which: np.ndarray, narrow: NarrowReadings
    ) -> torch.Tensor:
        form, weight = narrow.form, self._base.part.k.weight
        through = self._base.through(weight * form.weight[:, None])
        if form.centres:
            through = through - through.mean(-1, keepdim=True)
        # A query as each writer's z sees it: one for each pair of a writer and a head.
        keys = narrow.owners[which] * len(self._base.used) + here
        pairs, of = np.unique(keys, return_inverse=True)
        own = times_own(
            through[self._base.index(pairs % len(self._base.used))],
            pairs // len(self._base.used),
            lambda writer: narrow.writers.matrix(writer).T,
        )[self._base.index(of)]

        def product(grid: Grid, take: Take) -> torch.Tensor:
            z = narrow.z[self._base.index(grid.used)]
            return _by_place(_by_pair(take(own)) @ z.transpose(-1, -2), grid)

        dots = in_grids(which, self._base.device, product)
        offset = self._base.offset(self._base.part.k, form.bias)
        known = self._base.q @ (self._base.key_positions.take(self._base.k) - offset).transpose(
            -1, -2
        )
        left_out = self._base.q @ offset.transpose(-1, -2)
        rows, heads = self._base.index(which), self._base.index(here)
        ratio = (narrow.scale / narrow.base_scale)[rows][:, :, None]
        return narrow.scale[rows][:, :, None] * dots + ratio * known[heads] + left_out[heads]

    def _wide_key_scores(
        self, here: np.ndarray, which: np.ndarray, normed: torch.Tensor
    ) -> torch.Tensor:
        through = self._base.through(self._base.part.k.weight)
        own = through[self._base.index(here)]

        def product(grid: Grid, take: Take) -> torch.Tensor:
            keys = normed[self._base.index(grid.used)]
            return _by_place(_by_pair(take(own)) @ keys.transpose(-1, -2), grid)

        dots = in_grids(which, self._base.device, product)
        bias = self._base.offset(self._base.part.k, None)
        return dots + (self._base.q @ bias.transpose(-1, -2))[self._base.index(here)]

    def _of_values(self, here: np.ndarray, which: np.ndarray, normed: Normed) -> torch.Tensor:
        heads = self._base.used[here] // self._base.group_size
        pattern = self._base.pattern[self._base.index(here)]
        if isinstance(normed, torch.Tensor) and not self._few_values():
            base = self._base.key_positions.take(self._base.run.v[0])
            v = self._projected(
                self._base.part.v, heads, which, normed, self._base.key_positions, base
            )
            return pattern @ (v - base[self._base.index(heads)])
        if isinstance(normed, torch.Tensor):
            mixed = self._mixture(pattern, which, normed)
            weight = self._base.part.v.weight
            changed = times_own(mixed, heads, lambda head: weight[head])
            known = self._base.key_positions.take(self._base.v) - self._base.offset(
                self._base.part.v, None
            )
            return changed - (self._base.pattern @ known)[self._base.index(here)]
        scale, ratio = (
            each[self._base.index(which)][:, :, None]
            for each in (normed.scale, normed.scale / normed.base_scale - 1)
        )
        known = self._base.key_positions.take(self._base.v) - self._base.offset(
            self._base.part.v, normed.form.bias
        )

        def product(grid: Grid, take: Take) -> torch.Tensor:
            return _by_place(
                _by_pair(take(pattern * ratio)) @ known[self._base.index(grid.used)], grid
            )

        mixed = self._mixture(pattern * scale, which, normed.z)
        changed = normed.through(mixed, which, heads, self._base.part.v.weight)
        return changed + in_grids(here, self._base.device, product)

    def _few_values(self) -> bool:
        queries, keys, d_head = (
            len(self._base.positions),
            len(self._base.key_positions),
            self._base.q.shape[-1],
        )
        return queries * (keys + d_head) < keys * d_head

    def _mixture(
        self, weights: torch.Tensor, which: np.ndarray, read: torch.Tensor
    ) -> torch.Tensor:
        """[n, B, P, ...]: of what is `read` [r, B, C, ...], by `weights` [n, B, P, C]."""

        def product(grid: Grid, take: Take) -> torch.Tensor:
            return _by_place(_by_pair(take(weights)) @ read[self._base.index(grid.used)], grid)

        return in_grids(which, self._base.device, product)

    def _projected(
        self,
        projection: Projection,
        heads: np.ndarray,
        which: np.ndarray,
        normed: Normed,
        positions: Selection,
        base: torch.Tensor,
    ) -> torch.Tensor:
        """[n, B, P, D]: the readings `which` through the matrices of `heads`, ascending."""
        parts = []
        for head, rows in runs_of(heads):
            some = which[rows]
            if isinstance(normed, NarrowReadings):
                read = normed.some(some)
                part = project_narrow(projection, head, read, positions.index, base[head])
            else:
                part = project(projection, head, rows_of(normed, some), positions.index)
            parts.append(part)
        return torch.cat(parts)


def _by_pair(values: torch.Tensor) -> torch.Tensor:
    """[owner, B, place * P, ...] of [owner, place, B, P, ...]."""
    return values.transpose(1, 2).flatten(2, 3)


def _by_place(values: torch.Tensor, grid: Grid) -> torch.Tensor:
    """[owner, place, B, P, ...] of [owner, B, place * P, ...]."""
    parted: torch.Tensor = values.unflatten(2, (grid.width, -1))
    return parted.transpose(1, 2)

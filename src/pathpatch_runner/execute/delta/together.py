"""Head versions of which one slot changed: many heads at once, mixed before projected.

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

from collections.abc import Callable

import numpy as np
import torch

from pathpatch_runner.execute.delta.base_heads import BaseHeads, Of
from pathpatch_runner.execute.delta.deltas import Selection
from pathpatch_runner.execute.delta.grid import Grid, Take, in_grids, runs_of, times_own
from pathpatch_runner.execute.delta.host import rows_of
from pathpatch_runner.execute.delta.narrow import NarrowReadings
from pathpatch_runner.execute.delta.readings import K, Normed, Q, V
from pathpatch_runner.execute.delta.runs import project, project_narrow
from pathpatch_runner.model.nodes import softcapped


class HeadsTogether:
    """Some heads on one batch, at some positions: what of them differs from `base`."""

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
        base = self._base
        known = base.positions.take(base.run.q)
        q = self._projected(base.of_slot(Q), base.used[here], which, normed, base.positions, known)
        q *= base.scale

        def product(grid: Grid, take: Take) -> torch.Tensor:
            keys = rows_of(base.k, grid.used)
            scores = _by_pair(take(q)) @ keys.transpose(-1, -2)
            return self._mixed(softcapped(scores, base.softcap), grid)

        return in_grids(here, base.device, product)

    def _of_keys(self, here: np.ndarray, which: np.ndarray, normed: Normed) -> torch.Tensor:
        base = self._base
        changed = self._key_scores(here, which, normed)
        columns = base.key_positions.slice or base.key_positions.index

        def product(grid: Grid, take: Take) -> torch.Tensor:
            scores = rows_of(base.scores, grid.used)
            scores = scores[:, None].repeat(1, grid.width, 1, 1, 1)
            scores[..., columns] = take(changed)
            return self._mixed(softcapped(_by_pair(scores), base.softcap), grid)

        return in_grids(here, base.device, product)

    def _mixed(self, scores: torch.Tensor, grid: Grid) -> torch.Tensor:
        """[H, place, B, P, D]: z less that of base, of scores [H, B, place * P, T], which are
        written to."""
        base = self._base
        scores = scores.unflatten(2, (grid.width, -1)).masked_fill_(base.mask, -torch.inf)
        z = scores.softmax(-1).flatten(2, 3) @ rows_of(base.v, grid.used)
        return _by_place(z, grid).sub_(rows_of(base.z, grid.used)[:, None])

    def _key_scores(self, here: np.ndarray, which: np.ndarray, normed: Normed) -> torch.Tensor:
        """[n, B, P, C]: scores of the changed keys, before the cap and the mask."""
        base = self._base
        owners = normed.owners if isinstance(normed, NarrowReadings) else None
        if not base.keys_turn and self._few(here, which, owners):
            if isinstance(normed, NarrowReadings):
                return self._narrow_key_scores(here, which, normed)
            return self._wide_key_scores(here, which, normed)
        known = base.key_positions.take(base.run.k)
        groups = base.groups[here]
        k = self._projected(base.of_slot(K), groups, which, normed, base.key_positions, known)

        def product(grid: Grid, take: Take) -> torch.Tensor:
            return rows_of(base.q, grid.used)[:, None] @ take(k).transpose(-1, -2)

        return in_grids(here, base.device, product)

    def _few(self, here: np.ndarray, which: np.ndarray, owners: np.ndarray | None) -> bool:
        """Whether mixing first takes fewer multiplications than projecting first, for keys of
        readings by `owners` [r], or of wide ones (None)."""
        base, d_head = self._base, self._base.q.shape[-1]
        queries = base.q.shape[1] * len(base.positions)
        keys = base.q.shape[1] * len(base.key_positions)
        n, heads = len(here), len(base.used)
        if owners is None:
            mixed = heads * queries * d_head + n * queries * len(base.key_positions)
            return mixed < n * keys * d_head
        pairs = len(np.unique(owners[which] * heads + here))
        mixed = (heads + pairs) * queries * d_head * base.width
        projected = pairs * d_head * d_head * base.width + n * keys * d_head * d_head
        return mixed < projected

    def _narrow_key_scores(
        self, here: np.ndarray, which: np.ndarray, narrow: NarrowReadings
    ) -> torch.Tensor:
        base = self._base
        through = base.through(self._matrix(K))
        for layer, rows in runs_of(base.layers):
            through[rows] *= narrow.bases[layer].form.weight
        # A query as each writer's z sees it: one for each pair of a writer and a head.
        pairs, of = np.unique(narrow.owners[which] * len(base.used) + here, return_inverse=True)
        owners, heads = np.divmod(pairs, len(base.used))
        own = narrow.seen(through, owners, heads)
        own = rows_of(own, of)

        def product(grid: Grid, take: Take) -> torch.Tensor:
            z = rows_of(narrow.z, grid.used)
            return _by_place(_by_pair(take(own)) @ z.transpose(-1, -2), grid)

        dots = in_grids(which, base.device, product)
        offset = base.offset(K, narrow)
        known = base.q @ (base.key_positions.take(base.k) - offset).transpose(-1, -2)
        left_out = base.q @ offset.transpose(-1, -2)
        ratio = rows_of(narrow.scale / narrow.base_scale, which)[:, :, None]
        dots *= rows_of(narrow.scale, which)[:, :, None]
        return dots.addcmul_(ratio, rows_of(known, here)).add_(rows_of(left_out, here))

    def _wide_key_scores(
        self, here: np.ndarray, which: np.ndarray, normed: torch.Tensor
    ) -> torch.Tensor:
        base = self._base
        own = rows_of(base.through(self._matrix(K)), here)

        def product(grid: Grid, take: Take) -> torch.Tensor:
            keys = rows_of(normed, grid.used)
            return _by_place(_by_pair(take(own)) @ keys.transpose(-1, -2), grid)

        dots = in_grids(which, base.device, product)
        bias = base.offset(K)
        return dots + rows_of(base.q @ bias.transpose(-1, -2), here)

    def _of_values(self, here: np.ndarray, which: np.ndarray, normed: Normed) -> torch.Tensor:
        base, groups = self._base, self._base.groups[here]
        pattern = rows_of(base.pattern, here)
        if isinstance(normed, NarrowReadings):
            return self._of_narrow_values(here, which, pattern, normed)
        if not self._few_values():
            known = base.key_positions.take(base.run.v)
            v = self._projected(base.of_slot(V), groups, which, normed, base.key_positions, known)
            return pattern @ v.sub_(rows_of(known, groups))
        mixed = self._mixture(pattern, which, normed)
        changed = times_own(mixed, groups, self._matrix(V))
        known = base.key_positions.take(base.v) - base.offset(V)
        return changed.sub_(rows_of(base.pattern @ known, here))

    def _of_narrow_values(
        self, here: np.ndarray, which: np.ndarray, pattern: torch.Tensor, narrow: NarrowReadings
    ) -> torch.Tensor:
        base = self._base
        ratio = rows_of(narrow.scale / narrow.base_scale - 1, which)[:, :, None]
        known = base.key_positions.take(base.v) - base.offset(V, narrow)

        def product(grid: Grid, take: Take) -> torch.Tensor:
            return _by_place(_by_pair(take(pattern * ratio)) @ rows_of(known, grid.used), grid)

        weights = pattern * rows_of(narrow.scale, which)[:, :, None]
        mixed = self._mixture(weights, which, narrow.z)
        groups = base.groups[here]
        sums = base.by_group(V, lambda own, layer: narrow.sums(own, layer).of_weight)
        reader = self._reader(V, narrow)
        changed = narrow.through(mixed, which, groups, reader, rows_of(sums, here))
        return changed.add_(in_grids(here, base.device, product))

    def _few_values(self) -> bool:
        base = self._base
        queries, keys, d_head = len(base.positions), len(base.key_positions), base.q.shape[-1]
        return queries * (keys + d_head) < keys * d_head

    def _matrix(self, slot: int) -> Callable[[int], torch.Tensor]:
        """The matrix [M, D] of each key/value head."""
        of = self._base.of_slot(slot)

        def matrix(group: int) -> torch.Tensor:
            projection, number = of(group)
            return projection.weight[number]

        return matrix

    def _reader(self, slot: int, narrow: NarrowReadings) -> Callable[[int], torch.Tensor]:
        """The same, as narrow readings meet it."""
        matrix = self._matrix(slot)
        return lambda group: narrow.reader(self._base.layer_of(group), matrix(group))

    def _mixture(
        self, weights: torch.Tensor, which: np.ndarray, read: torch.Tensor
    ) -> torch.Tensor:
        """[n, B, P, ...]: of what is `read` [r, B, C, ...], by `weights` [n, B, P, C]."""

        def product(grid: Grid, take: Take) -> torch.Tensor:
            return _by_place(_by_pair(take(weights)) @ rows_of(read, grid.used), grid)

        return in_grids(which, self._base.device, product)

    @staticmethod
    def _projected(
        of: Of,
        heads: np.ndarray,
        which: np.ndarray,
        normed: Normed,
        positions: Selection,
        base: torch.Tensor,
    ) -> torch.Tensor:
        """[n, B, P, D]: the readings `which` through the matrices `of` heads, ascending."""
        parts = []
        for head, rows in runs_of(heads):
            some, (projection, number) = which[rows], of(head)
            if isinstance(normed, NarrowReadings):
                read = normed.some(some)
                part = project_narrow(projection, number, read, positions.index, base[head])
            else:
                part = project(projection, number, rows_of(normed, some), positions.index)
            parts.append(part)
        return torch.cat(parts)


def _by_pair(values: torch.Tensor) -> torch.Tensor:
    """[owner, B, place * P, ...] of [owner, place, B, P, ...]."""
    return values.transpose(1, 2).flatten(2, 3)


def _by_place(values: torch.Tensor, grid: Grid) -> torch.Tensor:
    """[owner, place, B, P, ...] of [owner, B, place * P, ...]."""
    parted: torch.Tensor = values.unflatten(2, (grid.width, -1))
    return parted.transpose(1, 2)

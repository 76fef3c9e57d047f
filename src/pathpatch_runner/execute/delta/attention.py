"""Head versions: the changed slots, their attention, nothing else.

A version's slot is *changed* if it reads a stream that differs from base. A head whose query
alone changed uses the cached keys and values; one whose keys changed replaces those columns of
its scores; one whose values alone changed keeps its pattern, and needs no softmax at all. What the
changed slots read, and the queries, keys and values of it, is `readings`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from pathpatch_runner.execute.delta.deltas import Selection
from pathpatch_runner.execute.delta.host import on_device
from pathpatch_runner.execute.delta.readings import (
    UNCHANGED,
    Changed,
    HeadVersions,
    K,
    NormedStreams,
    Q,
    V,
    changed_of,
    in_blocks,
)
from pathpatch_runner.execute.delta.runs import AttentionRun, attention_mask, scores_of
from pathpatch_runner.model.nodes import Attention


class LayerAttention:
    """The attention of one layer, on one batch."""

    def __init__(
        self,
        part: Attention,
        run: AttentionRun,
        back_masks: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        workspace: int,
    ) -> None:
        """`back_masks(queries, keys)`: bool [back, query, key]; `workspace`: elements a temporary
        may have."""
        self._part = part
        self._run = run
        self._back_masks = back_masks
        self._workspace = workspace
        self._group = len(run.q[0]) // len(run.k[0])
        self._n_positions = run.q[0].shape[-2]

    def evaluate(
        self,
        versions: HeadVersions,
        normed: NormedStreams,
        positions: Selection,
        key_positions: Selection,
        keep: Callable[[np.ndarray, torch.Tensor], None],
    ) -> None:
        """Changes of `z`, head by head: `keep(numbers of the versions, [n, B, P, D])`.

        `positions`: where the versions are evaluated; `key_positions`: where changed keys and
        values are read from.
        """
        versions = in_blocks(versions)
        slots = versions.slots
        changed = changed_of(self._part, self._run, versions, normed, positions, key_positions)
        for head in np.unique(versions.heads).tolist():
            numbers = np.flatnonzero(versions.heads == head)
            one = _Head(self, head, changed)
            for members in _by_changed(slots[numbers]):
                chosen = numbers[members]
                keep(chosen, one.change(slots[chosen]))


def _by_changed(slots: np.ndarray) -> list[np.ndarray]:
    """Numbers of versions with the same slots changed and the same kind of distance classes."""
    changed = (slots != UNCHANGED).any(axis=2)
    uniform = (slots == slots[:, :, :1]).all(axis=(1, 2))
    kinds = changed @ np.array([1, 2, 4]) + 8 * ~uniform
    return [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]


class _Head:
    """One head's versions at some positions."""

    def __init__(self, layer: LayerAttention, head: int, changed: Changed) -> None:
        part, run = layer._part, layer._run
        positions = changed.positions
        self._layer = layer
        self._part = part
        self._head = head
        self._group = head // layer._group
        self._queries, self._keys, self._values = changed.queries, changed.keys, changed.values
        self._positions, self._key_positions = positions, changed.key_positions
        self._all = torch.arange(layer._n_positions, device=run.q[0].device)
        self._mask = attention_mask(part, positions.index, self._all)
        self._q = positions.take(run.q[0][head])
        self._k = run.k[0][self._group]
        self._v = run.v[0][self._group]
        self._z = positions.take(run.z[0][head])

    def change(self, slots: np.ndarray) -> torch.Tensor:
        """[n, B, P, D]: z of versions with the slots `slots` [n, slot, back], less that of base."""
        size = max(1, self._layer._workspace // (self._q.shape[0] * self._mask.numel()))
        parts = [self._some(slots[at : at + size]) for at in range(0, len(slots), size)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _some(self, slots: np.ndarray) -> torch.Tensor:
        if not (slots == slots[:, :, :1]).all():
            return self._by_distance(slots)
        queries, keys, values = slots[0, :, 0] != UNCHANGED
        if queries and not keys and not values:
            return self._of_queries(slots[:, Q, 0])
        pattern = self._pattern(slots[:, :, 0], queries=queries, keys=keys)
        if not values:
            return pattern @ self._v - self._z
        changed = self._values.rows(self._group, slots[:, V, 0])
        columns = self._key_positions.take(pattern, -1)
        if not queries and not keys:
            return columns @ (changed - self._key_positions.take(self._v))
        cached = self._v.clone()
        cached[:, self._key_positions.index] = 0
        return pattern @ cached + columns @ changed - self._z

    def _of_queries(self, wanted: np.ndarray) -> torch.Tensor:
        """Only the queries changed: all versions share one product with the cached keys."""
        q = self._queries.rows(self._head, wanted)
        rows = q.transpose(0, 1).flatten(1, 2)
        scores = scores_of(self._part, rows, self._k).unflatten(1, q.shape[0:3:2])
        pattern = scores.masked_fill_(self._mask, -torch.inf).softmax(-1)
        z = (pattern.flatten(1, 2) @ self._v).view(*pattern.shape[:3], -1)
        result: torch.Tensor = (z - self._z[:, None]).transpose(0, 1).contiguous()
        return result

    def _pattern(self, slots: np.ndarray, *, queries: bool, keys: bool) -> torch.Tensor:
        """[n or 1, B, P, T]."""
        q = self._queries.rows(self._head, slots[:, Q]) if queries else self._q[None]
        scores = scores_of(self._part, q, self._k)
        if keys:
            k = self._keys.rows(self._group, slots[:, K])
            changed = scores_of(self._part, q, k)
            if len(scores) != len(changed):
                scores = scores.expand(len(changed), -1, -1, -1).clone()
            scores[..., self._key_positions.slice or self._key_positions.index] = changed
        return scores.masked_fill_(self._mask, -torch.inf).softmax(-1)

    def _by_distance(self, slots: np.ndarray) -> torch.Tensor:
        """Keys or values that depend on the distance: one row of slots [n, slot] a distance."""
        masks = self._layer._back_masks(self._positions.index, self._all)
        q = self._q[None].expand(len(slots), -1, -1, -1)
        if (slots[0, Q] != UNCHANGED).any():
            q = self._queries.rows(self._head, slots[:, Q, 0])
        scores = scores_of(self._part, q, self._k)
        for back, mask in enumerate(masks):
            changed = scores_of(self._part, q, self._whole(K, slots[:, K, back]))
            scores = torch.where(mask, changed, scores)
        pattern = scores.masked_fill_(self._mask, -torch.inf).softmax(-1)
        z = -self._z
        for back, mask in enumerate(masks):
            z = z + (pattern * mask) @ self._whole(V, slots[:, V, back])
        return z

    def _whole(self, slot: int, wanted: np.ndarray) -> torch.Tensor:
        """Keys or values [n, B, T, D] at all positions, changed or not."""
        cached, projected = (self._k, self._keys) if slot == K else (self._v, self._values)
        result = cached[None].repeat(len(wanted), 1, 1, 1)
        rows = np.flatnonzero(wanted != UNCHANGED)
        if len(rows):
            rows_read = projected.rows(self._group, wanted[rows])
            index = on_device(rows, result.device)
            result[index[:, None], :, self._key_positions.index] = rows_read.permute(0, 2, 1, 3)
        return result

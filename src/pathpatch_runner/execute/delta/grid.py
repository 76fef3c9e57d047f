"""Rows that belong to owners, as products with one matrix an owner take them.

Rows [n] of few owners each are laid out as a *grid* [owner, place], so that one batched product
serves all. Owners with fewer rows than the most have their places filled up, with any row:

    owners  0 0 2 2 2        grid  rows 0 1 (0)
                                   rows 2 3  4

Where that would make twice as many rows, owners with few and with many rows get grids of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from pathpatch_runner.execute.delta.host import on_device

Take = Callable[[torch.Tensor], torch.Tensor]
"""Values [row, ...] -> laid out on a grid."""
MOST_FILLED = 2.0
"""Places of a grid for each row."""


class Grid:
    """`used` [owner]: those that have rows, ascending."""

    def __init__(self, owners: np.ndarray, device: torch.device) -> None:
        counts = np.bincount(owners)
        self.used = np.flatnonzero(counts)
        counts = counts[self.used]
        self.width = int(counts.max())
        self._rows = self._back = None
        if int(counts.min()) == self.width and bool((owners[1:] >= owners[:-1]).all()):
            return
        order = np.argsort(owners, kind="stable")
        ends = np.cumsum(counts)
        # Of each row, in order: where its owner's places begin, and its place among them.
        at = np.arange(len(owners)) + np.repeat(self.width * np.arange(len(counts)), counts)
        at -= np.repeat(ends - counts, counts)
        rows = np.zeros(len(self.used) * self.width, dtype=np.int64)
        rows[at] = order
        back = np.empty(len(owners), dtype=np.int64)
        back[order] = at
        self._rows = on_device(rows, device)
        self._back = on_device(back, device)

    def spread(self, values: torch.Tensor) -> torch.Tensor:
        """[owner, place, ...] of [row, ...]."""
        if self._rows is not None:
            values = values.index_select(0, self._rows)
        return values.view(len(self.used), self.width, *values.shape[1:])

    def collect(self, values: torch.Tensor) -> torch.Tensor:
        """[row, ...] of [owner, place, ...]."""
        flat = values.flatten(0, 1)
        return flat if self._back is None else flat.index_select(0, self._back)


def grids_of(owners: np.ndarray, device: torch.device) -> Iterator[tuple[np.ndarray, Grid]]:
    """(numbers of the rows, their grid), so that no grid is much larger than its rows."""
    if not len(owners):
        return
    counts = np.bincount(owners)
    used = counts[counts > 0]
    if len(used) * used.max() <= MOST_FILLED * len(owners):
        yield np.arange(len(owners)), Grid(owners, device)
        return
    many = counts[owners] > used.max() // 2
    for part in (np.flatnonzero(many), np.flatnonzero(~many)):
        for rows, grid in grids_of(owners[part], device):
            yield part[rows], grid


def in_grids(
    owners: np.ndarray,
    device: torch.device,
    product: Callable[[Grid, Take], torch.Tensor],
) -> torch.Tensor:
    """[row, ...]: `product(grid, take)` [owner, place, ...] of every grid; `take` lays values [row,
    ...] out on it."""
    parts = []
    for rows, grid in grids_of(owners, device):
        whole = len(rows) == len(owners)
        index = None if whole else on_device(rows, device)

        def take(
            values: torch.Tensor, grid: Grid = grid, index: torch.Tensor | None = index
        ) -> torch.Tensor:
            return grid.spread(values if index is None else values.index_select(0, index))

        found = grid.collect(product(grid, take))
        if whole:
            return found
        parts.append((rows, found))
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))
    index = on_device(order, device)
    return torch.cat([found for _, found in parts]).index_select(0, index)


def runs_of(owners: np.ndarray) -> Iterator[tuple[int, slice]]:
    """(owner, its rows) of ascending owners [n]."""
    if not len(owners):
        return
    starts = [0, *(np.flatnonzero(owners[1:] != owners[:-1]) + 1).tolist()]
    for start, end in zip(starts, [*starts[1:], len(owners)], strict=True):
        yield int(owners[start]), slice(start, end)


def neighbours(numbers: np.ndarray) -> Iterator[tuple[int, slice]]:
    """(first, where) of each stretch first, first + 1, ... of ascending `numbers` [n]."""
    starts = [0, *(np.flatnonzero(numbers[1:] - numbers[:-1] != 1) + 1).tolist()]
    for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
        yield int(numbers[start]), slice(start, end)


def times_own(
    values: torch.Tensor, owners: np.ndarray, matrix: Callable[[int], torch.Tensor]
) -> torch.Tensor:
    """[n, ..., M] of `values` [n, ..., D]: each row times the `matrix` [D, M] of its owner."""
    sorted_already = bool((owners[1:] >= owners[:-1]).all())
    if not sorted_already:
        order = np.argsort(owners, kind="stable")
        owners = owners[order]
        values = values.index_select(0, on_device(order, values.device))
    runs = list(runs_of(owners))
    flat = values.reshape(-1, values.shape[-1])
    each = len(flat) // len(values)
    sizes = [(rows.stop - rows.start) * each for _, rows in runs]
    matrices = [matrix(owner) for owner, _ in runs]
    result = flat.new_empty(len(flat), matrices[0].shape[1])
    for rows, own, into in zip(flat.split(sizes), matrices, result.split(sizes), strict=True):
        torch.mm(rows, own, out=into)
    result = result.view(*values.shape[:-1], -1)
    if not sorted_already:
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        result = result.index_select(0, on_device(back, values.device))
    return result

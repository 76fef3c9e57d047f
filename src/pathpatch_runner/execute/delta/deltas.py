"""Where the differences of versions and streams from the base run are kept.

A *block* is a tensor `[n, B, P, width]` of rows that differ at the same positions. `Deltas`
knows the block and row of every id; an id without a block does not differ. A *narrow* block holds
changes of heads' z, one head a row, in place of those of the stream (`narrow`), and is made wide
where somebody asks for that. `Selection` is a set of positions, on the host and on the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from pathpatch_runner.execute.delta.grid import times_own
from pathpatch_runner.execute.delta.host import on_device, rows_of
from pathpatch_runner.execute.delta.writers import Writers
from pathpatch_runner.plan.set_plan import BASE, PATCHED

Two = tuple[torch.Tensor, torch.Tensor]
"""(base, patched)"""


class Selection:
    """Sorted positions of a prompt. `numbers` on the host, `index` on the device."""

    def __init__(self, chosen: np.ndarray, device: torch.device) -> None:
        """`chosen`: bool [pos]."""
        self.chosen = chosen
        self.numbers = np.flatnonzero(chosen)
        self.index = on_device(self.numbers, device)
        # A run of neighbours can be sliced, which copies nothing.
        count = len(self.numbers)
        first = int(self.numbers[0]) if count else 0
        neighbours = count > 0 and int(self.numbers[-1]) - first + 1 == count
        self.slice = slice(first, first + count) if neighbours else None

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, values: torch.Tensor, axis: int = -2) -> torch.Tensor:
        """The chosen positions of an axis that has all of them."""
        if self.slice is not None:
            return values.narrow(axis, self.slice.start, len(self))
        return values.index_select(axis, self.index)

    def within(self, other: Selection) -> np.ndarray:
        """Where, among `other`'s positions, the ones of `self` lie (those that do)."""
        return np.flatnonzero(self.chosen[other.numbers])


LEAST_SHARE = 4
"""A narrow block is made wide as a whole, for all who read it, where one asks for such a share."""


@dataclass(frozen=True)
class _Block:
    """`writers` [n]: whose z each row of a narrow block is. `wide`: what a narrow block makes of
    the stream, by positions."""

    values: torch.Tensor
    positions: Selection
    writers: np.ndarray | None
    wide: dict[bytes, torch.Tensor] = field(default_factory=dict)


class Deltas:
    """Differences [n, B, P, width] by id. `is_narrow` [id]: kept as a change of a head's z."""

    def __init__(self, n_ids: int, device: torch.device, writers: Writers | None = None) -> None:
        self._writers = writers
        self.is_narrow = np.zeros(n_ids, dtype=bool)
        self._block = np.full(n_ids, -1)
        self._row = np.zeros(n_ids, dtype=np.int64)
        self._blocks: list[_Block | None] = []
        self._device = device

    def put(
        self,
        ids: np.ndarray,
        values: torch.Tensor,
        positions: Selection,
        writers: np.ndarray | None = None,
    ) -> None:
        """Keep `values` [n, B, P, width] of `ids` [n]; with `writers` [n], changes of their z."""
        self.is_narrow[ids] = writers is not None
        self._block[ids] = len(self._blocks)
        self._row[ids] = np.arange(len(ids))
        self._blocks.append(_Block(values, positions, writers))

    def release(self, still_wanted: np.ndarray) -> None:
        """Forget every block none of whose ids is wanted. `still_wanted`: bool [id]."""
        kept = set(np.unique(self._block[still_wanted]).tolist())
        for number in range(len(self._blocks)):
            if number not in kept:
                self._blocks[number] = None

    def take(self, ids: np.ndarray, positions: Selection, plain: Two) -> torch.Tensor | None:
        """[n, B, P, width] of `ids` at `positions`; None where nothing differs.

        `plain`: [B, T, width] of the plain runs, by which PATCHED differs. May be a view: not to be
        written to.
        """
        found = np.where(ids == PATCHED, -2, self._block[ids])
        found[ids == BASE] = -1
        numbers = np.unique(found)
        if len(numbers) == 1:
            return self._whole(int(numbers[0]), ids, positions, plain)
        like = plain[0]
        make = like.new_zeros if numbers[0] == -1 or numbers[1] == -1 else like.new_empty
        result = make(len(ids), like.shape[0], len(positions), like.shape[-1])
        for number in numbers.tolist():
            rows = np.flatnonzero(found == number)
            part = self._whole(number, ids[rows], positions, plain)
            if part is not None:
                result[self._index(rows)] = part
        return result

    def parts(
        self, ids: np.ndarray, positions: Selection
    ) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        """(numbers of the ids, their values [n, B, P, width]) of those that are kept, block by
        block: without a copy where they are neighbours."""
        found = self._block[ids]
        for number in np.unique(found[found >= 0]).tolist():
            rows = np.flatnonzero(found == number)
            block = self._blocks[number]
            assert block is not None
            yield rows, self._rows_of(block, ids[rows], positions)

    def narrow(self, ids: np.ndarray, positions: Selection) -> tuple[torch.Tensor, np.ndarray]:
        """(z [n, B, P, D], writers [n]) of narrow `ids` at `positions`."""
        found = self._block[ids]
        parts, rows, writers = [], [], np.zeros(len(ids), dtype=np.int64)
        for number in np.unique(found).tolist():
            own = np.flatnonzero(found == number)
            block = self._blocks[number]
            assert block is not None
            assert block.writers is not None
            parts.append(self._rows_of(block, ids[own], positions))
            rows.append(own)
            writers[own] = block.writers[self._row[ids[own]]]
        if len(parts) == 1:
            return parts[0], writers
        order = np.argsort(np.concatenate(rows))
        return torch.cat(parts).index_select(0, self._index(order)), writers

    def _index(self, rows: np.ndarray) -> torch.Tensor:
        return on_device(rows, self._device)

    def _whole(
        self, number: int, ids: np.ndarray, positions: Selection, plain: Two
    ) -> torch.Tensor | None:
        """`take` for ids of one block."""
        if number == -1:
            return None
        if number == -2:
            difference = positions.take(plain[1]) - positions.take(plain[0])
            return difference[None].expand(len(ids), -1, -1, -1)
        block = self._blocks[number]
        assert block is not None
        if block.writers is None:
            return self._rows_of(block, ids, positions)
        if len(ids) * LEAST_SHARE < len(block.values):
            values = self._rows_of(block, ids, positions)
            return self._widened(values, block.writers[self._row[ids]])
        wide = block.wide.get(positions.chosen.tobytes())
        if wide is None:
            values = self._aligned(block.values, block.positions, positions)
            wide = self._widened(values, block.writers)
            block.wide[positions.chosen.tobytes()] = wide
        return rows_of(wide, self._row[ids])

    def _widened(self, values: torch.Tensor, writers: np.ndarray) -> torch.Tensor:
        assert self._writers is not None
        return times_own(values, writers, self._writers.matrix)

    def _rows_of(self, block: _Block, ids: np.ndarray, positions: Selection) -> torch.Tensor:
        return self._aligned(rows_of(block.values, self._row[ids]), block.positions, positions)

    def _aligned(self, values: torch.Tensor, have: Selection, want: Selection) -> torch.Tensor:
        if np.array_equal(have.numbers, want.numbers):
            return values
        source = want.within(have)
        if len(source) == len(want):
            return values.index_select(2, self._index(source))
        result = values.new_zeros(*values.shape[:2], len(want), values.shape[3])
        result[:, :, self._index(have.within(want))] = values[:, :, self._index(source)]
        return result

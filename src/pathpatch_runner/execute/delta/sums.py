"""Streams made as sums of writes (`plan.sums` says which): one matrix product for those of a unit
that are made after the same stage.

    writes [row, B * P * d_model]     every write of the unit, made once, as its stage is evaluated
    takes  [n, row]                   0 and 1: which writes each of n streams is the sum of
    takes @ writes                    the n streams' differences from base
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from pathpatch_runner.execute.delta.deltas import Selection
from pathpatch_runner.execute.delta.host import on_device
from pathpatch_runner.execute.delta.setting import Setting
from pathpatch_runner.execute.delta.writes import Writes
from pathpatch_runner.plan.extent import Extent, groups_of
from pathpatch_runner.plan.sums import WHOLE, Sum, Sums

Made = tuple[np.ndarray, torch.Tensor, Selection]
"""Stream ids [n], their difference [n, B, P, d_model], and where."""


class SummedStreams:
    """All sums of a chunk, on one batch."""

    def __init__(self, setting: Setting, sums: Sums, extent: Extent, writes: Writes) -> None:
        self._rooms = [_Room(setting, one, extent, writes) for one in sums.sums]

    def after(self, number: int) -> Iterator[Made]:
        """Keep what a stage wrote, and make the streams born after it."""
        for room in self._rooms:
            room.keep(number)
            yield from room.made(number)


class _Room:
    """The writes of one sum, from its first stage to its last stream."""

    def __init__(self, setting: Setting, one: Sum, extent: Extent, writes: Writes) -> None:
        self._sum = one
        self._extent = extent
        self._writes = writes
        self._base = setting.runs.stream[0][0]
        self._classes = setting.batch.classes
        self._positions = Selection(one.positions, self._base.device)
        self._kept: torch.Tensor | None = None

    def keep(self, number: int) -> None:
        """The writes of a stage, each in its row."""
        first, end = self._sum.until(number - 1), self._sum.until(number)
        if first == end or number > self._sum.last:
            return
        if self._kept is None:
            n_pairs, _, width = self._base.shape
            size = (len(self._sum.stages), n_pairs, len(self._positions), width)
            self._kept = self._base.new_empty(size)
        nodes = self._sum.nodes[first:end]
        for node in np.unique(nodes).tolist():
            rows = first + np.flatnonzero(nodes == node)
            # Rows are in the order of their nodes.
            into = self._kept[rows[0] : rows[-1] + 1]
            if node == WHOLE:
                into.copy_(self._writes.whole(number, self._positions))
                continue
            change = self._writes.of_versions(self._sum.versions[rows], node, self._positions)
            if change is None:
                into.zero_()
            else:
                into.copy_(change)

    def made(self, number: int) -> Iterator[Made]:
        """The streams born after a stage."""
        born = np.flatnonzero(self._sum.born == number)
        for positions, some in groups_of(self._extent.streams[self._sum.streams[born]]):
            chosen = Selection(positions, self._base.device)
            members = born[some]
            yield self._sum.streams[members], self._product(number, members, chosen), chosen
        if number == self._sum.last:
            self._kept = None

    def _product(self, number: int, members: np.ndarray, chosen: Selection) -> torch.Tensor:
        """[n, B, P, d_model]: the streams `members` of the sum."""
        assert self._kept is not None
        terms = self._sum.until(number)
        writes = self._kept[:terms]
        if len(chosen) < len(self._positions):
            writes = writes.index_select(2, self._index(chosen.within(self._positions)))
        flat = writes.flatten(1)
        takes = self._sum.takes[members, :terms]
        shape = (len(members), *writes.shape[1:])
        if (takes == takes[:, :, :1]).all():
            return (self._weights(takes[:, :, 0]) @ flat).view(shape)
        total = writes.new_zeros(shape)
        classes = chosen.take(self._classes, -1)
        for number_class in range(takes.shape[2]):
            values = (self._weights(takes[:, :, number_class]) @ flat).view(shape)
            total += values * (classes == number_class)[None, :, :, None]
        return total

    def _weights(self, takes: np.ndarray) -> torch.Tensor:
        return on_device(takes, self._base.device).to(self._base.dtype)

    def _index(self, rows: np.ndarray) -> torch.Tensor:
        return on_device(rows, self._base.device)

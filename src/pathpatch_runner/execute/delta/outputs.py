"""The values of all units of a chunk, filled in as their streams finish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from pathpatch_runner.execute.delta.deltas import Selection
from pathpatch_runner.execute.delta.grid import times_own
from pathpatch_runner.execute.delta.host import on_device
from pathpatch_runner.execute.delta.narrow import Narrow
from pathpatch_runner.execute.delta.setting import Setting
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.set_plan import BASE, PATCHED


class Measuring(Protocol):
    """From final streams to the values that a unit has at each point: metrics, as a rule."""

    def narrow(self, narrow: Narrow, base: torch.Tensor) -> NarrowMeasure | None:
        """What measures narrow streams beside `base` [point, d_model]. None where they must be made
        wide."""
        ...

    def measure(self, streams: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Float64 [n, value, point] of `streams` [n, point, d_model] at `points` [point]."""
        ...


NARROW_COPIES = 4
"""Temporaries of the size of narrow streams that are alive while these are measured."""
NarrowMeasure = Callable[[torch.Tensor, np.ndarray, torch.Tensor], torch.Tensor | None]
"""z [n, point, D], writers [n], points -> values [n, value, point]; None where wide streams take
less."""


@dataclass(frozen=True)
class Final:
    """What is at the end of the model before any unit is evaluated: base's streams `base` [point,
    d_model], what measures others, and of narrow ones `measured`; `plain` [2, value, point]: values
    of base and patched."""

    base: torch.Tensor
    measuring: Measuring
    measured: NarrowMeasure | None
    plain: torch.Tensor

    @classmethod
    def of(cls, setting: Setting, measuring: Measuring, plain: torch.Tensor) -> Final:
        """In one direction of patching."""
        batch = setting.batch
        base = setting.runs.stream[-1][0][batch.rows, batch.positions]
        narrow = setting.narrow
        measured = None if narrow is None else measuring.narrow(narrow, base)
        return cls(base, measuring, measured, plain)


@dataclass
class _ClassOutputs:
    """Outputs of one position class. `column` [stream]: where a stream's values go, or -1;
    `points`: numbers of the class's points; `values` [output, value, point]."""

    column: np.ndarray
    points: np.ndarray
    values: torch.Tensor


class Outputs:
    """Values of all units of a plan on a batch, filled in as streams finish."""

    def __init__(self, setting: Setting, final: Final, plan: Plan) -> None:
        batch, plain = setting.batch, final.plain
        self._measuring = final.measuring
        self._outputs = plan.outputs
        self._rows = batch.rows.cpu().numpy()
        self._positions = batch.positions.cpu().numpy()
        self._base, self._measured = final.base, final.measured
        self._narrow = setting.narrow
        self._size = max(1, setting.workspace // max(1, self._base.numel()))
        self._device = self._base.device
        self._by_class: dict[int, _ClassOutputs] = {}
        point_classes = batch.classes.cpu().numpy()[self._rows, self._positions]
        for number in np.unique(point_classes).tolist():
            points = np.flatnonzero(point_classes == number)
            used = np.unique(np.append(plan.outputs[:, number], [BASE, PATCHED]))
            column = np.full(plan.n_streams + 2, -1)
            column[used] = np.arange(len(used))
            index = on_device(points, self._device)
            values = plain[0][None][:, :, index].repeat(len(used), 1, 1)
            values[column[PATCHED]] = plain[1][:, index]
            self._by_class[number] = _ClassOutputs(column, points, values)

    def finish(
        self,
        ids: np.ndarray,
        delta: torch.Tensor,
        positions: Selection,
        writers: np.ndarray | None = None,
    ) -> None:
        """Measure streams `ids`, which differ from base by `delta` [n, B, P, d_model]; with
        `writers` [n], by what they write for a change of their z by `delta` [n, B, P, D]."""
        for outputs in self._by_class.values():
            chosen = np.flatnonzero(outputs.column[ids] >= 0)
            here = np.flatnonzero(positions.chosen[self._positions[outputs.points]])
            if len(chosen) and len(here):
                self._fill(outputs, ids[chosen], delta, chosen, here, positions, writers)

    def _fill(
        self,
        outputs: _ClassOutputs,
        ids: np.ndarray,
        delta: torch.Tensor,
        chosen: np.ndarray,
        here: np.ndarray,
        positions: Selection,
        writers: np.ndarray | None,
    ) -> None:
        points = outputs.points[here]
        rows = self._rows[points]
        columns = np.searchsorted(positions.numbers, self._positions[points])
        if len(chosen) != len(delta):
            delta = delta.index_select(0, self._index(chosen))
        in_order = len(rows) == delta.shape[1] and (rows == np.arange(len(rows))).all()
        if in_order and (columns == columns[0]).all():
            change = delta[:, :, int(columns[0])]
        else:
            change = delta[:, self._index(rows), self._index(columns)]
        index = self._index(points)
        values = self._values(change, index, None if writers is None else writers[chosen])
        into = self._index(outputs.column[ids])
        if len(here) == len(outputs.points):
            outputs.values[into] = values
        else:
            outputs.values[into[:, None], :, self._index(here)] = values.transpose(1, 2)

    def _values(
        self, change: torch.Tensor, points: torch.Tensor, writers: np.ndarray | None
    ) -> torch.Tensor:
        """[n, value, point] of `change` [n, point, d_model], or of writers' z [n, point, D]."""
        if writers is None:
            return self._measuring.measure(self._base[points] + change, points)
        size = max(1, self._size * self._base.shape[-1] // (NARROW_COPIES * change.shape[-1]))
        parts = []
        for start in range(0, len(change), size):
            some, own = change[start : start + size], writers[start : start + size]
            found = None if self._measured is None else self._measured(some, own, points)
            parts.append(self._widened(some, own, points) if found is None else found)
        return torch.cat(parts)

    def _widened(
        self, change: torch.Tensor, writers: np.ndarray, points: torch.Tensor
    ) -> torch.Tensor:
        """`_values` of writers' z, by way of the streams that they make."""
        assert self._narrow is not None
        parts = []
        for start in range(0, len(change), self._size):
            rows = slice(start, start + self._size)
            wide = times_own(change[rows], writers[rows], self._narrow.writers.matrix)
            parts.append(self._measuring.measure(self._base[points] + wide, points))
        return torch.cat(parts)

    def _index(self, numbers: np.ndarray) -> torch.Tensor:
        return on_device(numbers, self._device)

    def values(self) -> torch.Tensor:
        """Float64 [unit, value, point]."""
        some = next(iter(self._by_class.values())).values
        result = some.new_zeros(len(self._outputs), some.shape[1], len(self._rows))
        for number, outputs in self._by_class.items():
            columns = self._index(outputs.column[self._outputs[:, number]])
            result[:, :, self._index(outputs.points)] = outputs.values[columns]
        return result

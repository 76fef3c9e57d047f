"""The columns that say which row is which, built for all rows at once.

A table's rows are the cells of a grid (`RowGrid`), and a key column says where a row lies along
one axis. With 2 directions, 3 units and 1 metric the grid is (2, 3, 1), and the column `unit`
repeats the 3 units' names for each direction. Text is dictionary encoded, so a name that
stands in a million rows is stored once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.schema import OVER_PREFIX

Columns = dict[str, pa.Array]

DIRECTION, UNIT, METRIC, POINT = range(4)
"""Axes of the grid; the summary has no points."""


@dataclass(frozen=True)
class RowGrid:
    """`shape`: the number of directions, units, metrics and, in the effects, points."""

    shape: tuple[int, ...]

    @property
    def n_rows(self) -> int:
        """Cells of the grid."""
        return math.prod(self.shape)

    def along(self, axis: int, values: pa.Array) -> pa.Array:
        """[row] of values [size of the axis]: that of the row's index along the axis."""
        index = np.arange(self.shape[axis], dtype=np.int32)
        index = index.reshape([-1 if a == axis else 1 for a in range(len(self.shape))])
        return values.take(pa.array(np.broadcast_to(index, self.shape).ravel()))

    def everywhere(self, text: str) -> pa.Array:
        """[row]: the same text in every row."""
        return encoded([text]).take(pa.array(np.zeros(self.n_rows, np.int32)))


def key_columns(results: Results, grid: RowGrid) -> Columns:
    """Every column that names a row, except those of the evaluation point."""
    columns = {name: grid.everywhere(text) for name, text in vars(results.names).items()}
    columns |= {name: grid.along(UNIT, values) for name, values in _unit_columns(results).items()}
    metrics = encoded([metric.name for metric in results.metrics])
    directions = encoded([direction.value for direction in results.directions])
    return columns | {
        "metric": grid.along(METRIC, metrics),
        "direction": grid.along(DIRECTION, directions),
    }


def _unit_columns(results: Results) -> Columns:
    """[unit]: hypothesis, unit, path_id, path and `over.*`."""
    units = results.units
    bindings = [dict(unit.binding) for unit in units]
    over = {
        f"{OVER_PREFIX}{name}": encoded([binding.get(name) for binding in bindings])
        for name in results.variables
    }
    return {
        "hypothesis": encoded([unit.hypothesis for unit in units]),
        "unit": encoded([unit.kind.value for unit in units]),
        "path_id": encoded([unit.path_id for unit in units]),
        "path": encoded([unit.path for unit in units]),
        **over,
    }


def encoded(texts: Sequence[str | None]) -> pa.Array:
    """Dictionary encoded strings; None is null."""
    return pa.array(texts, pa.string()).dictionary_encode()

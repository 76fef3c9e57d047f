"""The columns that say which row is which, built for all rows at once.

A table's rows are the cells of a grid (`RowGrid`), and a key column says where a row lies along
one axis. With 2 directions, 3 units and 1 metric the grid is (2, 3, 1), and the column `unit`
repeats the 3 units' names for each direction. Text is dictionary encoded, so a name that
stands in a million rows is stored once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.schema import Column, over_columns, override_columns
from pathpatch_runner.effects.unit_columns import Columns, encoded, is_of_nodes

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
        if isinstance(values, pa.DictionaryArray):
            codes = self.along(axis, values.indices)
            return pa.DictionaryArray.from_arrays(codes, values.dictionary)
        if values.null_count:
            index = pa.array(np.arange(len(values), dtype=np.int32))
            return values.take(self.along(axis, index))
        shape = [-1 if a == axis else 1 for a in range(len(self.shape))]
        numbers = values.to_numpy().reshape(shape)
        return pa.array(np.broadcast_to(numbers, self.shape).ravel(), values.type)

    def everywhere(self, text: str) -> pa.Array:
        """[row]: the same text in every row."""
        return pa.DictionaryArray.from_arrays(self._zeros, pa.array([text], pa.string()))

    @cached_property
    def _zeros(self) -> pa.Array:
        """[row]: columns of one text have one array of codes."""
        return pa.array(np.zeros(self.n_rows, np.int32))


def key_columns(results: Results, grid: RowGrid) -> Columns:
    """Every column that names a row, except those of the evaluation point."""
    columns = run_columns(results, grid)
    of_units = results.unit_columns
    columns |= {name: grid.along(UNIT, values) for name, values in of_units.items()}
    metrics = encoded([metric.name for metric in results.metrics])
    directions = encoded([direction.value for direction in results.directions])
    return columns | {
        "metric": grid.along(METRIC, metrics),
        "direction": grid.along(DIRECTION, directions),
    }


def run_columns(results: Results, grid: RowGrid) -> Columns:
    """The columns that are the same in every row: the run's names, and what was set."""
    names = {**vars(results.names), **_overrides(results)}
    return {name: grid.everywhere(text) for name, text in names.items()}


def varying_columns(results: Results) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """The columns that not every run has: (those of the overrides, those of the variables)."""
    of_nodes = [name for name, bound in results.bindings.items() if is_of_nodes(bound)]
    over = over_columns(list(results.bindings), of_nodes)
    return override_columns(list(results.overrides)), over


def _overrides(results: Results) -> dict[str, str]:
    columns = override_columns(list(results.overrides))
    return {
        column.name: text for column, text in zip(columns, results.overrides.values(), strict=True)
    }

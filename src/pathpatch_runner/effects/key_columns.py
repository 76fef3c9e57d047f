"""The columns that say which row is which, built for all rows at once.

A table's rows are the cells of a grid (`RowGrid`), and a key column says where a row lies along
one axis. With 2 directions, 3 units and 1 metric the grid is (2, 3, 1), and the column `unit`
repeats the 3 units' names for each direction. Text is dictionary encoded, so a name that
stands in a million rows is stored once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.schema import Column, over_columns, override_columns

Columns = dict[str, pa.Array]

_NODE = re.compile(r"input|logits|[amr](?P<layer>\d+)(?:\.h(?P<head>\d+))?")

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
    columns = run_columns(results, grid)
    columns |= {name: grid.along(UNIT, values) for name, values in _unit_columns(results).items()}
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
    of_nodes = [name for name, bound in results.bindings.items() if _is_of_nodes(bound)]
    over = over_columns(list(results.bindings), of_nodes)
    return override_columns(list(results.overrides)), over


def _overrides(results: Results) -> dict[str, str]:
    columns = override_columns(list(results.overrides))
    return {
        column.name: text for column, text in zip(columns, results.overrides.values(), strict=True)
    }


def _unit_columns(results: Results) -> Columns:
    """[unit]: hypothesis, unit, path_id, path and the columns of the variables."""
    units = results.units
    columns = {
        "hypothesis": encoded([unit.hypothesis for unit in units]),
        "unit": encoded([unit.kind.value for unit in units]),
        "path_id": encoded([unit.path_id for unit in units]),
        "path": encoded([unit.path for unit in units]),
    }
    for name, bound in results.bindings.items():
        column, *parts = over_columns([name], [name])
        texts = columns[column.name] = encoded(bound)
        numbers = zip(*map(layer_and_head, texts.dictionary.to_pylist()), strict=True)
        for part, of_texts in zip(parts, numbers, strict=True):
            columns[part.name] = pa.array(of_texts, part.type).take(texts.indices)
    return columns


def layer_and_head(bound: str | None) -> tuple[int | None, int | None]:
    """Of what a variable is bound to: `a3.h1` has layer 3 and head 1, `m2` has layer 2 only,
    `input` and what is no node have neither."""
    match = _NODE.fullmatch(bound or "")
    if match is None:
        return None, None
    layer, head = match["layer"], match["head"]
    return (int(layer) if layer else None), (int(head) if head else None)


def _is_of_nodes(bound: Sequence[str | None]) -> bool:
    """Whether every value of a variable is a node: others (slots, positions) have no layer."""
    return all(_NODE.fullmatch(text) for text in set(bound) if text is not None)


def encoded(texts: Sequence[str | None]) -> pa.Array:
    """Dictionary encoded strings; None is null."""
    return pa.array(texts, pa.string()).dictionary_encode()

"""`controls.parquet`: where every unit lies among matched random path sets.

A *control* of a unit is the same path set through other heads of the same layers. If any heads
would do, the unit is one of its controls like any other, and the chance that none of `n` controls
has as large an effect is 1 / (n + 1). So p = (controls with at least as large an effect + 1) /
(n + 1), sizes compared, whatever the sign.

Shapes: direction, unit, metric, control; rows as in the summary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import Direction
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.key_columns import RowGrid, key_columns, varying_columns
from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.schema import (
    READING_COLUMNS,
    RUN_COLUMNS,
    UNIT_COLUMNS,
    Column,
    table_schema,
)

CONTROL_COLUMNS = (
    Column("effect_mean", pa.float64(), "metric", "mean effect of the unit"),
    Column("n_controls", pa.int64(), "path sets", "controls; 0: it has not as many as asked for"),
    Column("control_mean", pa.float64(), "metric", "mean of the controls' mean effects"),
    Column("control_min", pa.float64(), "metric", "the least of them"),
    Column("control_max", pa.float64(), "metric", "the largest of them"),
    Column("as_large", pa.int64(), "path sets", "controls with at least as large an effect"),
    Column("control_p", pa.float64(), "probability", "(as_large + 1) / (n_controls + 1)"),
)
TIES = 1e-9
"""Relative: effects that differ by rounding are as large."""


@dataclass(frozen=True)
class Controls:
    """`of_unit` [unit]: numbers of its controls. `effects`: mean effects, [control, metric] by
    direction."""

    of_unit: Sequence[Sequence[int]]
    effects: Mapping[Direction, Floats]


def controls_table(results: Results, controls: Controls) -> pa.Table:
    """[direction * unit * metric] rows. Units after those that `controls` knows have none."""
    patched, base, _ = results.stacked()
    means: Floats = (patched - base).mean(-1)
    grid = RowGrid(results.shape)
    more = len(results.units) - len(controls.of_unit)
    of_unit = [*controls.of_unit, *[()] * more]
    columns = key_columns(results, grid)
    values = [
        compared(float(means[d, u, m]), controls.effects[direction][list(numbers), m])
        for d, direction in enumerate(results.directions)
        for u, numbers in enumerate(of_unit)
        for m in range(len(results.metrics))
    ]
    for column in CONTROL_COLUMNS:
        columns[column.name] = pa.array([row[column.name] for row in values], column.type)
    overrides, over = varying_columns(results)
    unit = (*RUN_COLUMNS, *overrides, *UNIT_COLUMNS, *over)
    schema = table_schema((*unit, *READING_COLUMNS, *CONTROL_COLUMNS), results.metrics)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def compared(effect: float, controls: Floats) -> dict[str, float | int | None]:
    """A unit's mean effect among those of its controls [control]."""
    n = len(controls)
    if not n:
        nothing = dict.fromkeys([column.name for column in CONTROL_COLUMNS])
        return {**nothing, "effect_mean": effect, "n_controls": 0}
    as_large = int(np.count_nonzero(np.abs(controls) >= abs(effect) * (1 - TIES)))
    return {
        "effect_mean": effect,
        "n_controls": n,
        "control_mean": float(controls.mean()),
        "control_min": float(controls.min()),
        "control_max": float(controls.max()),
        "as_large": as_large,
        "control_p": (as_large + 1) / (n + 1),
    }

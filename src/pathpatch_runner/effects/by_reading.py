"""Tables of things that are compared: a row for each of them in each reading.

A *reading* is a direction and a metric. What is compared is named by columns of the table's own:
two sides of a contrast, entries of a hypothesis, a family over sizes. All such tables have the
run's columns, then those names, then the reading, then values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pathpatch_runner.effects.arrays import Floats, Integers
from pathpatch_runner.effects.key_columns import RowGrid, run_columns
from pathpatch_runner.effects.multiplicity import by_family
from pathpatch_runner.effects.resampling import Draws
from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.schema import (
    READING_COLUMNS,
    RUN_COLUMNS,
    Column,
    override_columns,
    table_schema,
)
from pathpatch_runner.effects.unit_columns import Columns, encoded


def reading_schema(
    results: Results, names: Sequence[Column], values: Sequence[Column]
) -> pa.Schema:
    """The schema of a table whose things have these `names` and `values`."""
    overrides = override_columns(list(results.overrides))
    columns = (*RUN_COLUMNS, *overrides, *names, *READING_COLUMNS, *values)
    return table_schema(columns, results.metrics)


def reading_table(
    results: Results,
    schema: pa.Schema,
    grid: RowGrid,
    axes: tuple[int, int],
    names: Columns,
    values: Mapping[str, Floats],
) -> pa.Table:
    """The table: `axes` of the grid are those of directions and of metrics; `names` and `values`
    are columns [row], values null where they are not finite."""
    directions = encoded([each.value for each in results.directions])
    metrics = encoded([metric.name for metric in results.metrics])
    columns = run_columns(results, grid) | names
    columns["direction"] = grid.along(axes[0], directions)
    columns["metric"] = grid.along(axes[1], metrics)
    columns["n"] = pa.array(np.full(grid.n_rows, len(results.points), np.int64))
    for name, column in values.items():
        columns[name] = pa.array(column, mask=~np.isfinite(column))
    return pa.table([columns[name] for name in schema.names], schema=schema)


def tested(terms: Floats, draws: Draws, families: Integers) -> tuple[Floats, Floats]:
    """p values [row] that the mean of terms [row, pair] is 0, their signs flipped, and q values
    within each of `families` [row]; NaN where a term is."""
    p_values = draws.flips.p_values(terms)
    return p_values, by_family(p_values, families)

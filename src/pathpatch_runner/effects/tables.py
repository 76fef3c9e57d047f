"""`effects.parquet`: every measured value, one row per evaluation point, unit and metric.

Columns are built from whole arrays: a family of thousands of bindings is a few array operations.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pathpatch_runner.effects.key_columns import (
    POINT,
    RowGrid,
    key_columns,
    varying_columns,
)
from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.schema import effects_columns, table_schema
from pathpatch_runner.effects.unit_columns import encoded


def effects_table(results: Results) -> pa.Table:
    """[direction * unit * metric * point] rows, columns of `effects_columns`."""
    grid = RowGrid((*results.shape, len(results.points)))
    patched, base, _ = results.stacked()
    columns = key_columns(results, grid)
    columns["pair_id"] = grid.along(POINT, encoded(results.points.pair_id))
    columns["position"] = grid.along(POINT, pa.array(results.points.position.astype(np.int32)))
    values = {
        "clean": results.plain.clean,
        "corrupt": results.plain.corrupt,
        "patched": patched,
        "effect": patched - base,
    }
    for name, array in values.items():
        columns[name] = pa.array(np.broadcast_to(array, grid.shape).ravel())
    schema = table_schema(effects_columns(*varying_columns(results)), results.metrics)
    return pa.table([columns[name] for name in schema.names], schema=schema)

"""The `set.<key>` columns of a table that is there already.

A run is found again whatever words ask for it: `seed=0` is the run that `(nothing set)` made, if 0
is the default. In a sweep over seeds its table must say `set.seed` as the others do. What the new
words set is true of the run, so their columns are added, and none is taken away.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from pathpatch_runner.effects.key_columns import RowGrid
from pathpatch_runner.effects.schema import RUN_COLUMNS, SET_PREFIX, override_columns


def missing_overrides(schema: pa.Schema, overrides: Mapping[str, str]) -> dict[str, str]:
    """The overrides for which a table of this schema has no column; none for a table that does
    not begin with the run's names."""
    if schema.names[: len(RUN_COLUMNS)] != [column.name for column in RUN_COLUMNS]:
        return {}
    columns = override_columns(list(overrides))
    return {
        key: text
        for column, (key, text) in zip(columns, overrides.items(), strict=True)
        if column.name not in schema.names
    }


def with_overrides(table: pa.Table, overrides: Mapping[str, str]) -> pa.Table:
    """The table with a column for each override that it lacks, after those it has."""
    lacking = missing_overrides(table.schema, overrides)
    first = len(RUN_COLUMNS)
    first += sum(name.startswith(SET_PREFIX) for name in table.schema.names)
    grid = RowGrid((table.num_rows,))
    for column, text in zip(override_columns(list(lacking)), lacking.values(), strict=True):
        table = table.add_column(first, column.field, grid.everywhere(text))
        first += 1
    return table

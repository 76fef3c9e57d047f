"""Tables read from Parquet files that somebody may have damaged, or made to cost who reads them.

A file of a few bytes can stand for any number of rows (equal values are written once), so that the
number of values is looked at before any is read.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pathpatch_runner.errors import StoreError

MOST_VALUES = 2**30
"""Rows times columns: fifty million rows of effects."""


def read_parquet(path: Path) -> pa.Table:
    """The table in a file. Raises StoreError for too many values, OSError and ArrowException as
    pyarrow does."""
    # Not `pq.read_table`: that imports pyarrow.dataset and, with it, pandas.
    with pq.ParquetFile(path) as file:
        count = file.metadata.num_rows * file.metadata.num_columns
        if count > MOST_VALUES:
            raise StoreError(
                f'"{path}" says that it has {count:,} values, and {MOST_VALUES:,} at most are '
                "read. Run the experiment again, in parts (bindings: 1/4) if it is that large"
            )
        return file.read()

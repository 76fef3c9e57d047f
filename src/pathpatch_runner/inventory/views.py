"""The tables of all finished runs as DuckDB views, and queries over them.

`runs` has a row for each run, whatever its state: experiment, run_key, state, changed, seconds,
bytes, overrides, message, directory. Every table that runs leave is a view of its name
(`summary`, `effects`, `scores`, ...) over finished runs only, with the columns of all of them.
Parts that were collected are left out: the run made of them has their numbers. A view is made
where its name stands in the query.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pathpatch_runner.errors import StoreError
from pathpatch_runner.inventory.kept import KeptRun
from pathpatch_runner.report.jobs import DONE
from pathpatch_runner.report.run_view import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

RUNS = pa.schema(
    [
        ("experiment", pa.string()),
        ("run_key", pa.string()),
        ("state", pa.string()),
        ("changed", pa.string()),
        ("seconds", pa.float64()),
        ("bytes", pa.int64()),
        ("overrides", pa.string()),
        ("message", pa.string()),
        ("directory", pa.string()),
    ]
)
NOT_INSTALLED = (
    'query needs DuckDB, which is not installed: pip install "pathpatch-runner[query]", or '
    "pip install duckdb"
)
SETTINGS = ("autoinstall_known_extensions = false", "python_enable_replacements = false")
"""A query fetches nothing, and its names are those of views."""


@dataclass(frozen=True)
class Answer:
    """`columns`: names; `rows`: values by row."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def answer(query: str, runs: Sequence[KeptRun]) -> Answer:
    """What a query says of these runs.

    Raises StoreError where DuckDB is missing or refuses the query, or where no run has a table
    that it names.
    """
    try:
        import duckdb
    except ImportError:
        raise StoreError(NOT_INSTALLED) from None
    files = files_of(runs)
    try:
        with _connected(duckdb) as connection:
            connection.register("runs", runs_table(runs))
            for name, paths in files.items():
                if re.search(rf"\b{name}\b", query):
                    connection.execute(_view(name, paths))
            asked = connection.sql(query)
            return Answer((), ()) if asked is None else Answer(asked.columns, asked.fetchall())
    except duckdb.Error as error:
        views = ", ".join(["runs", *files])
        raise StoreError(f"the query cannot be answered: {error}\nViews: {views}") from error


def files_of(runs: Sequence[KeptRun]) -> dict[str, list[Path]]:
    """The files of each table that some finished run has."""
    finished = [run.directory for run in runs if run.job.state == DONE]
    found = {
        name: [file for directory in finished if (file := directory / f"{name}.parquet").is_file()]
        for name in TABLES
    }
    return {name: files for name, files in found.items() if files}


def _view(name: str, files: Sequence[Path]) -> str:
    """A name in a path is that name, whatever DuckDB's patterns or its quotes make of it."""
    quoted = ", ".join("'" + glob.escape(str(file)).replace("'", "''") + "'" for file in files)
    return f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{quoted}], union_by_name = true)"


@contextmanager
def _connected(duckdb: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(":memory:")
    try:
        for setting in SETTINGS:
            connection.execute(f"SET {setting}")
        yield connection
    finally:
        connection.close()


def runs_table(runs: Sequence[KeptRun]) -> pa.Table:
    """The view `runs`."""
    rows = [
        {
            "experiment": run.experiment,
            "run_key": run.directory.name,
            "state": run.job.state,
            "changed": run.changed,
            "seconds": run.seconds,
            "bytes": run.size,
            "overrides": run.overrides,
            "message": run.job.message,
            "directory": str(run.directory),
        }
        for run in runs
    ]
    return pa.Table.from_pylist(rows, schema=RUNS)

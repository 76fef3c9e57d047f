"""A list of paths with their effects, for other tools: Parquet or JSON, described in docs/.

One row for each path set of its own (unit `path`) of a run, metric and direction, the largest
|effect| first. The JSON is an object: `format`, `about` (the run), and `paths`, a list of objects
with the columns of the Parquet file as their keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from pathpatch_runner.errors import StoreError
from pathpatch_runner.export.edge_effects import Choice, metric_of
from pathpatch_runner.reading import parse_json, read_text
from pathpatch_runner.store import RunDirectory
from pathpatch_runner.store.atomic import replaced, write_text
from pathpatch_runner.store.parquet import read_parquet

FORMAT = "pathpatch_runner paths"
ABOUT = b"pathpatch_runner"
"""The key of the Parquet metadata with what the list is about, as JSON."""

SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("hypothesis", pa.string()),
        pa.field("path_id", pa.string()),
        pa.field("metric", pa.string()),
        pa.field("direction", pa.string()),
        pa.field("effect", pa.float64()),
        pa.field("effect_ci_low", pa.float64()),
        pa.field("effect_ci_high", pa.float64()),
        pa.field("n", pa.int64()),
        pa.field("n_paths", pa.string()),
    ]
)
"""docs/path-list.md says what the columns mean."""


def run_paths(run: Path, choice: Choice) -> tuple[pa.Table, dict[str, Any]]:
    """(the list, what it is about) of a run. Raises StoreError where it has no path of its own."""
    directory = RunDirectory(run)
    manifest = directory.load_manifest()
    rows = directory.read_table("summary.parquet").to_pylist()
    about = {
        "run_key": manifest.run_key,
        "experiment": manifest.experiment,
        "model": rows[0]["model"],
        "dataset": rows[0]["dataset"],
    }
    return paths_of(rows, choice), about


def paths_of(rows: Sequence[Mapping[str, Any]], choice: Choice) -> pa.Table:
    """The list among the rows of a summary."""
    metric = metric_of(rows, choice.metric)
    listed = [
        {**row, "effect": row["effect_mean"], "n_paths": row.get("n_paths")}
        for row in rows
        if row["unit"] == "path"
        and row["metric"] == metric
        and row["direction"] == choice.direction
        and choice.hypothesis in (None, row["hypothesis"])
    ]
    if not listed:
        raise StoreError(
            f"the run has no paths of their own ({metric}, {choice.direction}): rows of unit path"
        )
    listed.sort(key=lambda row: -abs(row["effect"]))
    columns = {name: [row[name] for row in listed] for name in SCHEMA.names}
    return pa.table(columns, schema=SCHEMA)


def write_paths(file: Path, table: pa.Table, about: Mapping[str, Any]) -> None:
    """As Parquet or JSON, by the file's ending. Raises StoreError for another ending."""
    if file.suffix == ".parquet":
        described = table.replace_schema_metadata({ABOUT: json.dumps(dict(about))})
        with replaced(file) as temporary:
            pq.write_table(described, temporary)
    elif file.suffix == ".json":
        data = {"format": FORMAT, "about": dict(about), "paths": table.to_pylist()}
        write_text(file, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    else:
        raise StoreError(f'"{file}": a path list is written to a .parquet or a .json file')


def read_paths(file: Path) -> pa.Table:
    """A path list written by `write_paths`, or by another tool in its form. Raises StoreError."""
    if file.suffix == ".parquet":
        try:
            return _listed(read_parquet(file), file)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f'"{file}" is not a readable Parquet file: {error}') from error
    data = parse_json(read_text(file, str(file), StoreError), str(file), StoreError)
    rows = data.get("paths") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _no_list(file)
    try:
        columns = {name: [row.get(name) for row in rows] for name in SCHEMA.names}
        return _listed(pa.table(columns), file)
    except (OverflowError, pa.ArrowException) as error:
        raise StoreError(
            f'"{file}": {error}. docs/path-list.md says of what type each column is'
        ) from error


def _listed(table: pa.Table, file: Path) -> pa.Table:
    """The columns of a list among those of a table. Raises ArrowException for other types."""
    if not len(table):
        raise StoreError(f'"{file}": the path list is empty')
    if "path" not in table.column_names or table["path"].null_count:
        raise _no_list(file)
    read = table["path"].type
    if not pa.types.is_string(read.value_type if pa.types.is_dictionary(read) else read):
        raise _no_list(file)
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in SCHEMA
    ]
    return pa.table(columns, schema=SCHEMA)


def _no_list(file: Path) -> StoreError:
    return StoreError(f'"{file}" is no path list: rows with a text "path" (docs/path-list.md)')


def hypothesis_text(table: pa.Table, source: str) -> str:
    """A hypothesis file (YAML) with an entry for each path of a list."""
    paths = table["path"].unique().to_pylist()
    entries = {f"p{number}": {"expr": path} for number, path in enumerate(paths, start=1)}
    body = yaml.safe_dump({"paths": entries}, sort_keys=False, width=1000)
    return f"# The paths of {source}, in its order.\n{body}"

"""What the tables hold: every column once, with its type, unit of measure and meaning.

The columns are data, so that the order of the files, the metadata inside them and the
documentation cannot drift apart. Text that repeats is dictionary encoded (a family repeats an
expression for every point); readers see ordinary strings.

Words: a column is *measured in* "" where it has no unit of measure, and in "metric" where that is
the row's metric's, which the schema metadata lists by metric.

Some columns depend on the run. `set.<key>` stand after `dataset`: one for each key that the
command line or the sweep set. `over.<variable>` stand after `path`: one for each variable of the
run's families, and its layer and head beside it where it ranges over nodes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from pathpatch_runner.config import FORMAT_VERSION

METADATA_KEY = "pathpatch_runner"
"""The key of the Parquet metadata under which the run describes itself, as JSON."""

SET_PREFIX = "set."
OVER_PREFIX = "over."

TEXT = pa.dictionary(pa.int32(), pa.string())


class MetricColumn(Protocol):
    """What the tables need to know of a metric."""

    @property
    def name(self) -> str:
        """As the `metric` column spells it."""

    @property
    def measured_in(self) -> str:
        """Unit of its values: "nats", "logits", ..."""


@dataclass(frozen=True)
class Column:
    """One column: its name, Arrow type, what it is measured in and what it means."""

    name: str
    type: pa.DataType
    measured_in: str
    description: str

    @property
    def field(self) -> pa.Field:
        """The Arrow field, unit of measure and meaning in its metadata."""
        metadata = {"unit": self.measured_in, "description": self.description}
        return pa.field(self.name, self.type, metadata=metadata)


def interval_columns(name: str, measured_in: str) -> tuple[Column, Column]:
    """The two bounds of a bootstrap interval."""
    return (
        Column(f"{name}_ci_low", pa.float64(), measured_in, "bootstrap over pairs, lower bound"),
        Column(f"{name}_ci_high", pa.float64(), measured_in, "bootstrap over pairs, upper bound"),
    )


RUN_COLUMNS = (
    Column("run_key", TEXT, "", "hash of everything that can change the result"),
    Column("experiment", TEXT, "", "name of the experiment"),
    Column("model", TEXT, "", "short name of the model"),
    Column("dataset", TEXT, "", "name of the dataset"),
)
UNIT_COLUMNS = (
    Column("hypothesis", TEXT, "", "name of the hypothesis"),
    Column("unit", TEXT, "", "path, hypothesis, cumulative, leave_one_out or coalitions"),
    Column("path_id", TEXT, "", "entry id, with its binding; ids of a union joined by +"),
    Column("path", TEXT, "", "canonical expression; expressions of a union joined by |"),
)
POINT_COLUMNS = (
    Column("pair_id", TEXT, "", "the pair of clean and corrupt prompt"),
    Column("position", pa.int32(), "token", "index of the evaluation point in the prompt"),
)
READING_COLUMNS = (
    Column("metric", TEXT, "", "name of the metric"),
    Column("direction", TEXT, "", "noising: the paths carry corrupt; denoising: all others do"),
)
VALUE_COLUMNS = (
    Column("clean", pa.float64(), "metric", "on the clean prompt"),
    Column("corrupt", pa.float64(), "metric", "on the corrupt prompt"),
    Column("patched", pa.float64(), "metric", "on the treeified network"),
    Column(
        "effect", pa.float64(), "metric", "patched - clean (noising), patched - corrupt (denoising)"
    ),
)
COUNT_COLUMNS = (
    Column(
        "n_paths",
        TEXT,
        "paths",
        "paths in the set, exactly, as decimal digits (often more than 64 bits hold): cast it to "
        "DOUBLE to compute with; null: not counted",
    ),
    Column("n_edges", pa.int64(), "edges", "edges of a circuit; null: the set is none"),
)
STATISTIC_COLUMNS = (
    Column("n", pa.int64(), "evaluation points", "evaluation points averaged over"),
    Column("clean_mean", pa.float64(), "metric", "mean of clean"),
    Column("corrupt_mean", pa.float64(), "metric", "mean of corrupt"),
    Column("patched_mean", pa.float64(), "metric", "mean of patched"),
    Column("effect_mean", pa.float64(), "metric", "mean of effect"),
    Column("effect_se", pa.float64(), "metric", "standard error of effect_mean, clustered by pair"),
    *interval_columns("effect", "metric"),
    Column("total_effect", pa.float64(), "metric", "mean effect of patching every path"),
    *interval_columns("total_effect", "metric"),
    Column("normalised_effect", pa.float64(), "fraction", "effect_mean / total_effect"),
    *interval_columns("normalised", "fraction"),
    Column("p_value", pa.float64(), "probability", "two-sided sign flip of pairs: mean effect 0"),
    Column(
        "q_value",
        pa.float64(),
        "fraction",
        "Benjamini-Hochberg over the rows of one hypothesis, unit, metric and direction: among "
        "rows with at most this q, the fraction expected to be false findings",
    ),
    Column(
        "p_max_t",
        pa.float64(),
        "probability",
        "Westfall-Young max-T over the same rows: among rows with at most this p, the probability "
        "of any false finding",
    ),
    Column("p_floor", pa.float64(), "probability", "least p_value that so few pairs can give"),
    Column("aue", pa.float64(), "metric", "average unexplained effect: mean |clean - patched|"),
    Column("ate", pa.float64(), "metric", "average total effect: mean |clean - corrupt|"),
    Column(
        "proportion_explained",
        pa.float64(),
        "fraction",
        "1 - aue / ate; with `against`, that hypothesis' aue stands in for ate",
    ),
    *interval_columns("pe", "fraction"),
    Column("withheld", TEXT, "", "why there are no shares of the total effect; null: there are"),
)


def override_columns(keys: Sequence[str]) -> tuple[Column, ...]:
    """One column for each key that the command line or the sweep set."""
    return tuple(
        Column(f"{SET_PREFIX}{key}", TEXT, "", f"what the command line or the sweep set {key} to")
        for key in keys
    )


def over_columns(variables: Sequence[str], of_nodes: Collection[str]) -> tuple[Column, ...]:
    """One column for each variable of the run's families; two more for one that is `of_nodes`."""
    columns: list[Column] = []
    for name in variables:
        column = f"{OVER_PREFIX}{name}"
        columns.append(Column(column, TEXT, "", f"bound to {name}; null: no such variable"))
        if name in of_nodes:
            columns += [
                Column(f"{column}.layer", pa.int32(), "", f"layer of the node bound to {name}"),
                Column(f"{column}.head", pa.int32(), "", f"head of the node bound to {name}"),
            ]
    return tuple(columns)


def effects_columns(
    overrides: Sequence[Column] = (), over: Sequence[Column] = ()
) -> tuple[Column, ...]:
    """The columns of `effects.parquet`, in order."""
    unit = (*RUN_COLUMNS, *overrides, *UNIT_COLUMNS, *over)
    return (*unit, *POINT_COLUMNS, *READING_COLUMNS, *VALUE_COLUMNS)


def summary_columns(
    overrides: Sequence[Column] = (), over: Sequence[Column] = ()
) -> tuple[Column, ...]:
    """The columns of `summary.parquet`, in order."""
    unit = (*RUN_COLUMNS, *overrides, *UNIT_COLUMNS, *over)
    return (*unit, *READING_COLUMNS, *COUNT_COLUMNS, *STATISTIC_COLUMNS)


def table_schema(columns: Sequence[Column], metrics: Sequence[MetricColumn]) -> pa.Schema:
    """Arrow schema of the columns; its metadata holds the format version and metric units."""
    units = {metric.name: metric.measured_in for metric in metrics}
    metadata = {"format_version": str(FORMAT_VERSION), "metric_units": json.dumps(units)}
    return pa.schema([column.field for column in columns], metadata=metadata)


def describe_run(table: pa.Table, description: Mapping[str, Any]) -> pa.Table:
    """The table with what it was made from in its metadata, as JSON under `METADATA_KEY`.

    `description` must hold nothing that differs between two runs of one key (times, hosts):
    the bytes of a table are reproducible.
    """
    text = json.dumps(description, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), METADATA_KEY: text})

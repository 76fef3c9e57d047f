"""From measured values to the tables of a run, with their statistics.

`results` holds what a run measured; `tables` and `summary` make a table of it each, with the
columns of `schema`, the key columns of `key_columns` and the formulas of `statistics`.
"""

from pathpatch_runner.effects.results import PlainRuns, PointIndex, Results, RunNames
from pathpatch_runner.effects.schema import FORMAT_VERSION, METADATA_KEY, describe_run
from pathpatch_runner.effects.summary import check_against, summary_table
from pathpatch_runner.effects.tables import effects_table

__all__ = [
    "FORMAT_VERSION",
    "METADATA_KEY",
    "PlainRuns",
    "PointIndex",
    "Results",
    "RunNames",
    "check_against",
    "describe_run",
    "effects_table",
    "summary_table",
]

"""From measured values to the two tables of a run, with their statistics."""

from pathpatch_runner.effects.schema import FORMAT_VERSION, METADATA_KEY, describe_run
from pathpatch_runner.effects.summary import check_against, summary_table
from pathpatch_runner.effects.tables import (
    Baseline,
    PointIndex,
    RunNames,
    UnitResult,
    effects_table,
)

__all__ = [
    "FORMAT_VERSION",
    "METADATA_KEY",
    "Baseline",
    "PointIndex",
    "RunNames",
    "UnitResult",
    "check_against",
    "describe_run",
    "effects_table",
    "summary_table",
]

"""From measured values to the tables of a run, with their statistics.

`results` holds what a run measured; `tables`, `summary`, `contrasts`, `coalitions` and
`curves_table` make a table of it each, `tabulate` all of them, with the columns of `schema` and
`key_columns` (and, where things are compared, of `by_reading`). Their numbers come from sums over
the points of a pair (`pair_sums`), by `statistics`, `resampling` and `multiplicity`; `trust` says
where shares mean nothing.
"""

from pathpatch_runner.effects.coalitions import Game, games_of, shapley_table
from pathpatch_runner.effects.contrasts import Contrast, contrasts_table, read_contrasts
from pathpatch_runner.effects.curves_table import SizedFamily, curves_table, sized_families
from pathpatch_runner.effects.overrides import missing_overrides, with_overrides
from pathpatch_runner.effects.results import PlainRuns, PointIndex, Results, RunNames
from pathpatch_runner.effects.schema import METADATA_KEY, describe_run
from pathpatch_runner.effects.summary import check_against, summary_table
from pathpatch_runner.effects.tables import effects_table
from pathpatch_runner.effects.tabulate import tables_of
from pathpatch_runner.effects.trust import (
    Accuracy,
    Reading,
    accuracy_of,
    accuracy_of_all,
    readings_of,
    saying_accuracy,
    warnings_of,
)

__all__ = [
    "METADATA_KEY",
    "Accuracy",
    "Contrast",
    "Game",
    "PlainRuns",
    "PointIndex",
    "Reading",
    "Results",
    "RunNames",
    "SizedFamily",
    "accuracy_of",
    "accuracy_of_all",
    "check_against",
    "contrasts_table",
    "curves_table",
    "describe_run",
    "effects_table",
    "games_of",
    "missing_overrides",
    "read_contrasts",
    "readings_of",
    "saying_accuracy",
    "shapley_table",
    "sized_families",
    "summary_table",
    "tables_of",
    "warnings_of",
    "with_overrides",
]

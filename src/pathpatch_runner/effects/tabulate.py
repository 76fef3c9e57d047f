"""Every table that follows from a run's measured values: whoever has them makes the same tables."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from pathpatch_runner.config import StatisticsConfig
from pathpatch_runner.effects.coalitions import games_of, shapley_table
from pathpatch_runner.effects.contrasts import contrasts_table, read_contrasts
from pathpatch_runner.effects.curves_table import curves_table, sized_families
from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.summary import summary_table
from pathpatch_runner.effects.tables import effects_table


def tables_of(
    results: Results, contrasts: Mapping[str, str], statistics: StatisticsConfig, seed: int
) -> dict[str, pa.Table]:
    """By the name of the file without `.parquet`; those that nothing was measured for are absent.

    `contrasts`: as a config says them; `seed`: the run's.
    """
    tables = {
        "effects": effects_table(results),
        "summary": summary_table(results, statistics, seed),
    }
    asked = read_contrasts(contrasts, results.units)
    if asked:
        tables["contrasts"] = contrasts_table(results, asked, statistics, seed)
    families = sized_families(results)
    if families:
        tables["curves"] = curves_table(results, families, statistics, seed)
    games = games_of(results)
    if games:
        tables["shapley"] = shapley_table(results, games, statistics, seed)
    return tables

"""`summary.parquet`: one row per direction, unit and metric, with means and intervals.

Patching starts from a *base* run: the clean one (noising) or the corrupt one (denoising). At an
evaluation point the effect is patched - base, and the total effect is the other run - base.

- total_effect = mean total effect, normalised_effect = mean effect / total_effect;
- aue = mean |clean - patched|, ate = mean |clean - corrupt| (Goldowsky-Dill et al. 2023): what a
  path set leaves unexplained, and what there is to explain;
- proportion_explained = 1 - aue / ate. Where `against` names another hypothesis, that one's aue,
  evaluated as a whole on the same metric and direction, stands in for ate.

Example: clean 1, corrupt 5, patched 4 in denoising. The effect is 4 - 5 = -1 of a total of
1 - 5 = -4: a normalised effect of 1/4. Unexplained is |1 - 4| = 3 of 4: a quarter is explained.

Where there may be no total effect at all, every share is withheld: null, and `withheld` says why
(`trust`). What cannot be computed is null too: a quotient with 0 below the line, an interval or a
standard error of fewer than two pairs.

Shapes: direction, unit, metric, point, pair; row = direction * unit * metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import StatisticsConfig, UnitKind
from pathpatch_runner.effects.arrays import Floats, Integers
from pathpatch_runner.effects.by_reading import tested
from pathpatch_runner.effects.key_columns import (
    UNIT,
    RowGrid,
    key_columns,
    varying_columns,
)
from pathpatch_runner.effects.pair_sums import PairSums
from pathpatch_runner.effects.resampling import Draws
from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.schema import summary_columns, table_schema
from pathpatch_runner.effects.statistics import quotient, standard_error
from pathpatch_runner.effects.trust import SHARES, reasons, total_intervals, with_accuracy
from pathpatch_runner.effects.unit_columns import encoded
from pathpatch_runner.errors import HypothesisError, raise_together

if TYPE_CHECKING:
    from pathpatch_runner.hypothesis import Unit


def summary_table(results: Results, statistics: StatisticsConfig, seed: int) -> pa.Table:
    """[direction * unit * metric] rows, columns of `summary_columns`. `seed`: the run's.

    Raises HypothesisError where a hypothesis named in `against` was not evaluated as a whole.
    """
    check_against(results.units, results.against)
    grid = RowGrid(results.shape)
    columns = key_columns(results, grid)
    columns["n_paths"] = grid.along(UNIT, encoded(_digits(results)))
    n_edges = [unit.n_edges for unit in results.units]
    columns["n_edges"] = grid.along(UNIT, pa.array(n_edges, pa.int64()))
    columns["n"] = pa.array(np.full(grid.n_rows, len(results.points), np.int64))
    sums = PairSums.of(results)
    draws = Draws.of(sums.pair_ids, statistics, seed)
    values = _means(sums) | _intervals(sums, draws) | _tests(sums, draws, _families(results))
    withheld = np.array(reasons(sums, draws), dtype=object)[sums.reading]
    for name in SHARES:
        values[name] = np.where(withheld != "", np.nan, values[name])
    columns |= {
        name: pa.array(column, mask=~np.isfinite(column)) for name, column in values.items()
    }
    columns["withheld"] = encoded([reason or None for reason in withheld])
    schema = table_schema(summary_columns(*varying_columns(results)), results.metrics)
    schema = with_accuracy(schema, results.right)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _digits(results: Results) -> list[str | None]:
    """[unit]: how many paths there are; text, since no Parquet number is wide enough."""
    if not results.n_paths:
        return [None] * len(results.units)
    return [str(count) for count in results.n_paths]


def _families(results: Results) -> Integers:
    """[row]: which rows are tested together: those of one hypothesis, unit kind, metric and
    direction."""
    n_directions, _, n_metrics = results.shape
    hypotheses, kinds = (results.unit_columns[name] for name in ("hypothesis", "unit"))
    of_unit: Integers = hypotheses.indices.to_numpy().astype(np.int64) * len(kinds.dictionary)
    of_unit += kinds.indices.to_numpy()
    readings = np.arange(n_directions * n_metrics).reshape(n_directions, 1, n_metrics)
    families: Integers = of_unit[None, :, None] * readings.size + readings
    return families.ravel()


def check_against(units: Sequence[Unit], against: Mapping[str, str]) -> None:
    """Raise HypothesisError for a hypothesis measured against one not evaluated as a whole.

    Needs no results: call it before anything is computed.
    """
    whole = {unit.hypothesis for unit in units if unit.kind is UnitKind.hypothesis}
    used = dict.fromkeys(unit.hypothesis for unit in units)
    raise_together(
        [
            HypothesisError(
                f'hypotheses.{name}.against: "{against[name]}" is not evaluated as a whole in '
                'this run, so there is no AUE to measure against. Add "hypothesis" to patch.units'
            )
            for name in used
            if name in against and against[name] not in whole
        ]
    )


def _means(sums: PairSums) -> dict[str, Floats]:
    """The columns that need no draws, [row] each; NaN where undefined."""
    n_points = sums.sizes.sum()
    effects, unexplained = sums.effects.sum(-1), sums.unexplained.sum(-1)
    totals = sums.totals.sum(-1)[sums.reading]
    explainable = sums.explainable.sum(-1)[sums.yardstick]
    return {
        "clean_mean": sums.clean.sum(-1)[sums.reading] / n_points,
        "corrupt_mean": sums.corrupt.sum(-1)[sums.reading] / n_points,
        "patched_mean": sums.patched.sum(-1) / n_points,
        "effect_mean": effects / n_points,
        "effect_se": standard_error(sums.effects, sums.sizes),
        "total_effect": totals / n_points,
        "normalised_effect": quotient(effects, totals),
        "aue": unexplained / n_points,
        "ate": sums.absolute_totals.sum(-1)[sums.reading] / n_points,
        "proportion_explained": 1 - quotient(unexplained, explainable),
    }


def _intervals(sums: PairSums, draws: Draws) -> dict[str, Floats]:
    """The bounds of intervals by the run's bootstrap, [row] each."""
    bootstrap, confidence = draws.bootstrap, draws.confidence
    one = np.zeros(len(sums.effects), np.int64)
    effect = bootstrap.ratio_intervals(sums.effects, sums.sizes[None], one, confidence)
    total = total_intervals(sums, draws)
    normalised = bootstrap.ratio_intervals(sums.effects, sums.totals, sums.reading, confidence)
    unexplained = bootstrap.ratio_intervals(
        sums.unexplained, sums.explainable, sums.yardstick, confidence
    )
    return (
        bounds("effect", effect)
        | bounds("total_effect", total[sums.reading])
        | bounds("normalised", normalised)
        | bounds("pe", 1 - unexplained[:, ::-1])
    )


def bounds(name: str, interval: Floats) -> dict[str, Floats]:
    """The two columns of an interval [row, 2]."""
    return {f"{name}_ci_low": interval[:, 0], f"{name}_ci_high": interval[:, 1]}


def _tests(sums: PairSums, draws: Draws, families: Integers) -> dict[str, Floats]:
    """What sign flips say of the mean effects, [row] each."""
    p_values, q_values = tested(sums.effects, draws, families)
    adjusted = np.empty(len(families))
    for family in np.unique(families):
        members = families == family
        adjusted[members] = draws.flips.max_t(sums.effects[members])
    return {
        "p_value": p_values,
        "q_value": q_values,
        "p_max_t": adjusted,
        "p_floor": np.full(len(families), draws.flips.floor),
    }

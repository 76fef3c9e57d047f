"""`summary.parquet`: one row per direction, unit and metric, with means and intervals.

Patching starts from a *base* run: the clean one (noising) or the corrupt one (denoising). At an
evaluation point the effect is patched - base, and the total effect is the other run - base.

- normalised_effect = mean effect / mean total effect;
- aue = mean |clean - patched|, ate = mean |clean - corrupt| (Goldowsky-Dill et al. 2023): what a
  path set leaves unexplained, and what there is to explain;
- proportion_explained = 1 - aue / ate. Where `against` names another hypothesis, that one's aue,
  evaluated as a whole on the same metric and direction, stands in for ate.

Example: clean 1, corrupt 5, patched 4 in denoising. The effect is 4 - 5 = -1 of a total of
1 - 5 = -4: a normalised effect of 1/4. Unexplained is |1 - 4| = 3 of 4: a quarter is explained.

What cannot be computed is null: a quotient with 0 below the line, an interval or a standard
error of fewer than two pairs.

Shapes: direction, unit, metric, point, pair; row = direction * unit * metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import StatisticsConfig, UnitKind
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.key_columns import RowGrid, key_columns
from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.schema import summary_columns, table_schema
from pathpatch_runner.effects.statistics import (
    EXACT_PAIRS,
    Clusters,
    RowKey,
    bootstrap_sums,
    exact_sign_flip,
    percentile_interval,
    sampled_sign_flip,
    standard_error,
)
from pathpatch_runner.errors import HypothesisError, raise_together
from pathpatch_runner.hypothesis import Unit


@dataclass(frozen=True)
class PairSums:
    """What a row's statistics are made of: float64 [row, pair], summed over a pair's points.

    `explainable`: what `unexplained` is a share of. `sizes` [pair]: how many points a pair has.
    """

    clean: Floats
    corrupt: Floats
    patched: Floats
    effects: Floats
    totals: Floats
    unexplained: Floats
    absolute_totals: Floats
    explainable: Floats
    sizes: Floats

    @classmethod
    def of(cls, results: Results) -> PairSums:
        """Every value of the run, summed by pair."""
        clusters = Clusters(results.points.pair_index)
        shape = (*results.shape, len(clusters.sizes))

        def summed(values: Floats) -> Floats:
            return np.broadcast_to(clusters.sums(values), shape).reshape(-1, shape[-1])

        patched, base, all_patched = results.stacked()
        clean, corrupt = results.plain.clean, results.plain.corrupt
        unexplained, absolute_totals = (
            summed(np.abs(clean - patched)),
            summed(np.abs(clean - corrupt)),
        )
        return cls(
            clean=summed(clean),
            corrupt=summed(corrupt),
            patched=summed(patched),
            effects=summed(patched - base),
            totals=summed(all_patched - base),
            unexplained=unexplained,
            absolute_totals=absolute_totals,
            explainable=_explainable(results, unexplained, absolute_totals),
            sizes=clusters.sizes,
        )


def summary_table(results: Results, statistics: StatisticsConfig, seed: int) -> pa.Table:
    """[direction * unit * metric] rows, columns of `summary_columns`. `seed`: the run's.

    Raises HypothesisError where a hypothesis named in `against` was not evaluated as a whole.
    """
    check_against(results.units, results.against)
    grid = RowGrid(results.shape)
    columns = key_columns(results, grid)
    columns["n"] = pa.array(np.full(grid.n_rows, len(results.points), np.int64))
    values = _statistics(PairSums.of(results), _row_keys(results, seed), statistics)
    columns |= {
        name: pa.array(column, mask=~np.isfinite(column)) for name, column in values.items()
    }
    schema = table_schema(summary_columns(results.variables), results.metrics)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _row_keys(results: Results, seed: int) -> list[RowKey]:
    """[row]: each row's random streams, a function of its names and the run's seed only."""
    return [
        RowKey.of(
            *(seed, unit.hypothesis, unit.kind.value, unit.path_id),
            *(metric.name, direction.value),
        )
        for direction in results.directions
        for unit in results.units
        for metric in results.metrics
    ]


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


def _statistics(
    sums: PairSums, keys: Sequence[RowKey], config: StatisticsConfig
) -> dict[str, Floats]:
    """Every float column of the summary, [row] each; NaN where undefined."""
    intervals = _intervals(sums, keys, config)
    n_points = sums.sizes.sum()
    return {
        "clean_mean": sums.clean.sum(-1) / n_points,
        "corrupt_mean": sums.corrupt.sum(-1) / n_points,
        "patched_mean": sums.patched.sum(-1) / n_points,
        "effect_mean": sums.effects.sum(-1) / n_points,
        "effect_se": standard_error(sums.effects, sums.sizes),
        "effect_ci_low": intervals[:, 0, 0],
        "effect_ci_high": intervals[:, 0, 1],
        "normalised_effect": _quotient(sums.effects.sum(-1), sums.totals.sum(-1)),
        "p_value": _p_values(sums.effects, keys, config.n_permutations),
        "aue": sums.unexplained.sum(-1) / n_points,
        "ate": sums.absolute_totals.sum(-1) / n_points,
        "proportion_explained": 1 - _quotient(sums.unexplained.sum(-1), sums.explainable.sum(-1)),
        "pe_ci_low": intervals[:, 1, 0],
        "pe_ci_high": intervals[:, 1, 1],
    }


def _explainable(results: Results, unexplained: Floats, absolute_totals: Floats) -> Floats:
    """[row, pair]: the size of the total effect, or the unexplained effect of the hypothesis
    in `against`."""
    shape = (*results.shape, unexplained.shape[-1])
    by_unit = unexplained.reshape(shape)
    explainable = absolute_totals.reshape(shape).copy()
    whole = {
        unit.hypothesis: number
        for number, unit in enumerate(results.units)
        if unit.kind is UnitKind.hypothesis
    }
    for number, unit in enumerate(results.units):
        if unit.hypothesis in results.against:
            explainable[:, number] = by_unit[:, whole[results.against[unit.hypothesis]]]
    return explainable.reshape(unexplained.shape)


def _intervals(sums: PairSums, keys: Sequence[RowKey], config: StatisticsConfig) -> Floats:
    """[row, 2, 2]: (effect_mean, proportion_explained) x (low, high)."""
    intervals = np.full((len(keys), 2, 2), np.nan)
    if len(sums.sizes) < 2:
        return intervals
    columns = np.empty((len(sums.sizes), 4))
    columns[:, 3] = sums.sizes
    for i, key in enumerate(keys):
        columns[:, 0], columns[:, 1] = sums.effects[i], sums.unexplained[i]
        columns[:, 2] = sums.explainable[i]
        drawn = bootstrap_sums(columns, key.bootstrap, config.n_resamples)
        draws = np.stack([drawn[:, 0] / drawn[:, 3], 1 - _quotient(drawn[:, 1], drawn[:, 2])])
        intervals[i] = percentile_interval(draws, config.confidence)
    return intervals


def _p_values(effects: Floats, keys: Sequence[RowKey], n_permutations: int) -> Floats:
    """[row]: exact for few pairs, sampled for more."""
    if effects.shape[1] <= EXACT_PAIRS:
        return exact_sign_flip(effects)
    sampled = [
        sampled_sign_flip(row, key.permutation, n_permutations)
        for row, key in zip(effects, keys, strict=True)
    ]
    return np.array(sampled)


def _quotient(numerator: Floats, denominator: Floats) -> Floats:
    """Elementwise; NaN where the denominator is 0."""
    return np.divide(
        numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator != 0
    )

"""One row per unit, metric and direction: means, intervals, and how much is explained.

Let a point's effect be patched - start, where start is clean (noising) or corrupt (denoising).

- normalised_effect = mean effect / mean total effect, the total being the other run - start;
- aue = mean |clean - patched|, ate = mean |clean - corrupt| (Goldowsky-Dill et al.
  2023), proportion_explained = 1 - aue / ate, or 1 - aue / (aue of the hypothesis named
  in `against`, evaluated as a whole on the same metric and direction).

A quotient of zero, an interval or standard error of fewer than two pairs is null.

Shapes: unit (results), metric, point, pair; row = unit * metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import Direction, StatisticsConfig, UnitKind
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.schema import MetricColumn, summary_columns, table_schema
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
from pathpatch_runner.effects.tables import (
    Baseline,
    PointIndex,
    RunNames,
    UnitResult,
    check_shapes,
    directions,
    encoded,
    over_variables,
    run_names,
    stacked,
    unit_columns,
)
from pathpatch_runner.errors import HypothesisError, raise_together
from pathpatch_runner.hypothesis import Unit


def summary_table(
    names: RunNames,
    results: Sequence[UnitResult],
    baseline: Baseline,
    points: PointIndex,
    metrics: Sequence[MetricColumn],
    against: Mapping[str, str],
    statistics: StatisticsConfig,
    seed: int,
) -> pa.Table:
    """`summary.parquet`: [unit * metric] rows, columns of `summary_columns`.

    `against`: for a hypothesis, the one whose aue stands in for ate. `seed`: the run's.
    Raises HypothesisError where that one was not evaluated as a whole.
    """
    check_shapes(results, baseline, points, metrics)
    check_against([result.unit for result in results], against)
    variables = over_variables(results)
    n_units, n_metrics = len(results), len(metrics)
    columns = run_names(names, n_units * n_metrics) | unit_columns(results, variables, n_metrics)
    every_metric = pa.array(np.tile(np.arange(n_metrics), n_units))
    columns["metric"] = encoded([metric.name for metric in metrics]).take(every_metric)
    columns["direction"] = directions(results, n_metrics)
    columns["n"] = pa.array(np.full(n_units * n_metrics, len(points), np.int64))
    keys = [row_key(seed, result, metric.name) for result in results for metric in metrics]
    values = _statistics(results, baseline, Clusters(points.pair_index), against, keys, statistics)
    columns |= {
        name: pa.array(column, mask=~np.isfinite(column)) for name, column in values.items()
    }
    schema = table_schema(summary_columns(variables), metrics)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def row_key(seed: int, result: UnitResult, metric: str) -> RowKey:
    """The row's random streams: a function of its names and the run's seed only."""
    unit = result.unit
    return RowKey.of(
        seed, unit.hypothesis, unit.kind.value, unit.path_id, metric, result.direction.value
    )


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
    results: Sequence[UnitResult],
    baseline: Baseline,
    clusters: Clusters,
    against: Mapping[str, str],
    keys: Sequence[RowKey],
    config: StatisticsConfig,
) -> dict[str, Floats]:
    """Every float column of the summary, [row] each; NaN where undefined."""
    patched, start, end = stacked(results, baseline)
    clean = np.broadcast_to(baseline.clean, patched.shape)
    corrupt = np.broadcast_to(baseline.corrupt, patched.shape)

    def rows_by_pair(values: Floats) -> Floats:
        return clusters.sums(values).reshape(len(keys), -1)

    effects = rows_by_pair(patched - start)
    totals = rows_by_pair(end - start)
    unexplained = rows_by_pair(np.abs(clean - patched))
    total_effects = rows_by_pair(np.abs(clean - corrupt))
    explainable = _explainable(results, unexplained, total_effects, against)
    intervals = _intervals(effects, unexplained, explainable, clusters.sizes, keys, config)
    n_points = clusters.sizes.sum()
    return {
        "clean_mean": rows_by_pair(clean).sum(-1) / n_points,
        "corrupt_mean": rows_by_pair(corrupt).sum(-1) / n_points,
        "patched_mean": rows_by_pair(patched).sum(-1) / n_points,
        "effect_mean": effects.sum(-1) / n_points,
        "effect_se": standard_error(effects, clusters.sizes),
        "effect_ci_low": intervals[:, 0, 0],
        "effect_ci_high": intervals[:, 0, 1],
        "normalised_effect": _quotient(effects.sum(-1), totals.sum(-1)),
        "p_value": _p_values(effects, keys, config.n_permutations),
        "aue": unexplained.sum(-1) / n_points,
        "ate": total_effects.sum(-1) / n_points,
        "proportion_explained": 1 - _quotient(unexplained.sum(-1), explainable.sum(-1)),
        "pe_ci_low": intervals[:, 1, 0],
        "pe_ci_high": intervals[:, 1, 1],
    }


def _explainable(
    results: Sequence[UnitResult],
    unexplained: Floats,
    total_effects: Floats,
    against: Mapping[str, str],
) -> Floats:
    """[row, pair]: the total effect, or the unexplained effect of the hypothesis in `against`."""
    by_unit = unexplained.reshape(len(results), -1, unexplained.shape[-1])
    whole: dict[tuple[str, Direction], Floats] = {
        (result.unit.hypothesis, result.direction): values
        for result, values in zip(results, by_unit, strict=True)
        if result.unit.kind is UnitKind.hypothesis
    }
    explainable = total_effects.reshape(by_unit.shape).copy()
    for i, result in enumerate(results):
        if result.unit.hypothesis in against:
            explainable[i] = whole[against[result.unit.hypothesis], result.direction]
    return explainable.reshape(unexplained.shape)


def _intervals(
    effects: Floats,
    unexplained: Floats,
    explainable: Floats,
    sizes: Floats,
    keys: Sequence[RowKey],
    config: StatisticsConfig,
) -> Floats:
    """[row, 2, 2]: (effect_mean, proportion_explained) x (low, high)."""
    intervals = np.full((len(keys), 2, 2), np.nan)
    if len(sizes) < 2:
        return intervals
    columns = np.empty((len(sizes), 4))
    columns[:, 3] = sizes
    for i, key in enumerate(keys):
        columns[:, 0], columns[:, 1], columns[:, 2] = effects[i], unexplained[i], explainable[i]
        sums = bootstrap_sums(columns, key.bootstrap, config.n_resamples)
        draws = np.stack([sums[:, 0] / sums[:, 3], 1 - _quotient(sums[:, 1], sums[:, 2])])
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

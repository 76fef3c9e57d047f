"""Measured values as columns: `effects.parquet`, one row per evaluation point, unit and metric.

Rows run over unit results in the order given, then metrics, then points. Columns are built
from whole arrays: a family of thousands of bindings is a few array operations.

Shapes: unit (results), metric, point.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import Direction
from pathpatch_runner.effects.arrays import Floats, Integers
from pathpatch_runner.effects.schema import (
    OVER_PREFIX,
    MetricColumn,
    effects_columns,
    table_schema,
)
from pathpatch_runner.hypothesis import Unit

Columns = dict[str, pa.Array]


@dataclass(frozen=True)
class RunNames:
    """What every row of a run has in common: the first four columns."""

    run_key: str
    experiment: str
    model: str
    dataset: str


@dataclass(frozen=True)
class PointIndex:
    """Where values were measured: `pair_id`, `position` and `pair_index` of every point.

    Points with the same `pair_index` [point] are one pair for the statistics.
    """

    pair_id: tuple[str, ...]
    position: Integers
    pair_index: Integers

    def __len__(self) -> int:
        return len(self.pair_id)


@dataclass(frozen=True)
class Baseline:
    """The two unpatched runs: float64 [metric, point] each."""

    clean: Floats
    corrupt: Floats

    def start(self, direction: Direction) -> Floats:
        """[metric, point]: what a patched value of this direction is compared with."""
        return self.clean if direction is Direction.noising else self.corrupt

    def end(self, direction: Direction) -> Floats:
        """[metric, point]: what it would be if every path were patched."""
        return self.corrupt if direction is Direction.noising else self.clean


@dataclass(frozen=True)
class UnitResult:
    """A unit patched in one direction: float64 [metric, point]."""

    unit: Unit
    direction: Direction
    patched: Floats


def effects_table(
    names: RunNames,
    results: Sequence[UnitResult],
    baseline: Baseline,
    points: PointIndex,
    metrics: Sequence[MetricColumn],
) -> pa.Table:
    """`effects.parquet`: [unit * metric * point] rows, columns of `effects_columns`."""
    check_shapes(results, baseline, points, metrics)
    n_units, n_metrics, n_points = len(results), len(metrics), len(points)
    n_rows = n_units * n_metrics * n_points
    variables = over_variables(results)
    per_unit = n_metrics * n_points
    columns = run_names(names, n_rows) | unit_columns(results, variables, per_unit)
    every_point = np.tile(np.arange(n_points), n_units * n_metrics)
    columns["pair_id"] = encoded(points.pair_id).take(pa.array(every_point))
    columns["position"] = pa.array(points.position[every_point].astype(np.int32))
    every_metric = np.tile(np.repeat(np.arange(n_metrics), n_points), n_units)
    columns["metric"] = encoded([metric.name for metric in metrics]).take(pa.array(every_metric))
    columns["direction"] = directions(results, per_unit)
    patched, start, _ = stacked(results, baseline)
    columns["clean"] = pa.array(np.tile(baseline.clean.ravel(), n_units))
    columns["corrupt"] = pa.array(np.tile(baseline.corrupt.ravel(), n_units))
    columns["patched"] = pa.array(patched.ravel())
    columns["effect"] = pa.array((patched - start).ravel())
    schema = table_schema(effects_columns(variables), metrics)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def check_shapes(
    results: Sequence[UnitResult],
    baseline: Baseline,
    points: PointIndex,
    metrics: Sequence[MetricColumn],
) -> None:
    """Our own invariants: something was measured, and every array is [metric, point]."""
    shape = (len(metrics), len(points))
    assert results, "no unit was evaluated"
    assert min(shape) > 0, f"nothing was measured: {shape} metrics and points"
    assert points.position.shape == points.pair_index.shape == shape[1:], "one entry per point"
    for values in (baseline.clean, baseline.corrupt, *(result.patched for result in results)):
        assert values.shape == shape, f"values {values.shape}, metrics and points {shape}"


def stacked(results: Sequence[UnitResult], baseline: Baseline) -> tuple[Floats, Floats, Floats]:
    """(patched, start, end), each [unit, metric, point]. Effect: patched - start."""
    return (
        np.stack([result.patched for result in results]),
        np.stack([baseline.start(result.direction) for result in results]),
        np.stack([baseline.end(result.direction) for result in results]),
    )


def over_variables(results: Sequence[UnitResult]) -> tuple[str, ...]:
    """Variables that any unit binds, in order of first appearance."""
    return tuple(dict.fromkeys(name for result in results for name, _ in result.unit.binding))


def run_names(names: RunNames, n_rows: int) -> Columns:
    """The four columns that are the same in every row."""
    return {
        column: encoded([value]).take(pa.array(np.zeros(n_rows, np.int32)))
        for column, value in vars(names).items()
    }


def unit_columns(results: Sequence[UnitResult], variables: Sequence[str], repeats: int) -> Columns:
    """hypothesis, unit, path_id, path and `over.*`, every unit's value `repeats` times."""
    units = [result.unit for result in results]
    bindings = [dict(unit.binding) for unit in units]
    values: dict[str, list[str | None]] = {
        "hypothesis": [unit.hypothesis for unit in units],
        "unit": [unit.kind.value for unit in units],
        "path_id": [unit.path_id for unit in units],
        "path": [unit.path for unit in units],
    }
    values |= {f"{OVER_PREFIX}{name}": [b.get(name) for b in bindings] for name in variables}
    rows = pa.array(np.repeat(np.arange(len(units)), repeats))
    return {column: encoded(texts).take(rows) for column, texts in values.items()}


def directions(results: Sequence[UnitResult], repeats: int) -> pa.Array:
    """The direction of every unit, `repeats` times."""
    rows = pa.array(np.repeat(np.arange(len(results)), repeats))
    return encoded([result.direction.value for result in results]).take(rows)


def encoded(texts: Sequence[Hashable]) -> pa.Array:
    """Dictionary encoded strings; None is null."""
    return pa.array(texts, pa.string()).dictionary_encode()

"""The metrics that a config names, found by name and checked against its data."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pathpatch_runner.dataset.pair import PairSet
from pathpatch_runner.errors import ConfigError, MetricError, PathPatchError, raise_together
from pathpatch_runner.metric.metric import Metric
from pathpatch_runner.registry import METRICS


def metric_named(name: str) -> Metric:
    """The metric of that name. Raises ConfigError for an unknown one."""
    found = METRICS.get(name, "metrics")
    if not isinstance(found, Metric):
        raise ConfigError(
            f'metrics: "{name}" of {METRICS.origin(name)} is no Metric but a '
            f"{type(found).__name__}. Mend or uninstall that package"
        )
    return dataclasses.replace(found, name=name)


def resolve_metrics(
    names: Sequence[str], pairs: PairSet | None, own: Sequence[Metric] = ()
) -> tuple[Metric, ...]:
    """The metrics of these names, which the pairs must be able to serve. `own`: of the caller's
    own, found first.

    Raises MetricError or ConfigError for unknown names and for data without what a metric needs.
    """
    if not names:
        raise MetricError(f"metrics: none named. Allowed: {', '.join(METRICS.names())}")
    problems: list[PathPatchError] = []
    mine = {metric.name: metric for metric in own}
    found = []
    for name in names:
        try:
            metric = mine[name] if name in mine else metric_named(name)
        except ConfigError as error:
            problems.append(error)
            continue
        found.append(metric)
        if pairs is not None:
            problems += _unserved(metric, pairs)
    if len(set(names)) != len(names):
        problems.append(MetricError("metrics: one is named twice"))
    raise_together(problems)
    return tuple(found)


def _unserved(metric: Metric, pairs: PairSet) -> list[PathPatchError]:
    problems: list[PathPatchError] = []
    for key in ("answers", "distractors"):
        if not getattr(metric, key):
            continue
        lacking = [
            pair.pair_id
            for pair in pairs.pairs
            if not all(getattr(point, key) for point in pair.points)
        ]
        if lacking:
            problems.append(
                MetricError(
                    f"metrics: {metric.name} needs the {key[:-1]} of every evaluation point, and "
                    f'dataset {pairs.name} has none for pair "{lacking[0]}"'
                    f"{f' and {len(lacking) - 1} more' if len(lacking) > 1 else ''}. Add it to the "
                    "data, or use another metric"
                )
            )
    return problems

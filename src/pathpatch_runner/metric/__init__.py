"""Metrics: logits at evaluation points -> one number each, in float64.

    metric    what a metric is, and what it says it needs
    built_in  the metrics that come with this package
    resolve   the metrics a config names, checked against its data

To add one here: a function and a `Metric` in `built_in`, and a line of `registry.METRICS`. To add
one from another package: an entry point of the group `pathpatch_runner.metrics` that is a `Metric`.
No module here imports torch: a metric calls methods of the tensors it is given.
"""

from pathpatch_runner.metric.metric import Metric, Targets, mean_of_set
from pathpatch_runner.metric.resolve import metric_named, resolve_metrics

__all__ = ["Metric", "Targets", "mean_of_set", "metric_named", "resolve_metrics"]

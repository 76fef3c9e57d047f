"""`scores.parquet`: a score of every edge (or node) of the model by every method.

A score estimates the mean effect, over evaluation points, of patching that edge alone. A node's
score is that of everything it writes: the sum over the edges out of it by gradient, which is linear
in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import Direction
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.results import RunNames
from pathpatch_runner.effects.schema import (
    RUN_COLUMNS,
    TEXT,
    Column,
    MetricColumn,
    table_schema,
)
from pathpatch_runner.effects.statistics import standard_error
from pathpatch_runner.effects.unit_columns import encoded

SCORE_COLUMNS = (
    Column("sender", TEXT, "", "the node that writes"),
    Column("receiver", TEXT, "", "the node that reads; null: a score of the sender as a whole"),
    Column("slot", TEXT, "", "the receiver's slot, q, k or v; null: it has one without a name"),
    Column("method", TEXT, "", "exact, eap, eap_ig_inputs, eap_ig_activations or random"),
    Column("metric", TEXT, "", "name of the metric"),
    Column("direction", TEXT, "", "of the effect that is estimated"),
    Column("score", pa.float64(), "metric", "estimate of the mean effect; null: not sampled"),
    Column("score_se", pa.float64(), "metric", "standard error over pairs"),
    Column("n", pa.int64(), "evaluation points", "evaluation points averaged over"),
)


@dataclass(frozen=True)
class Scores:
    """Scores by one metric in one direction. `sender`, `receiver`, `slot`: of every row, names or
    None. `methods`: name -> (score, its standard error), float64 [row] each. `n`: evaluation
    points."""

    metric: MetricColumn
    direction: Direction
    sender: Sequence[str]
    receiver: Sequence[str | None]
    slot: Sequence[str | None]
    methods: Mapping[str, tuple[Floats, Floats]]
    n: int


def mean_and_error(sums: Floats, sizes: Floats) -> tuple[Floats, Floats]:
    """Of sums over the points of each pair [row, pair], and points of each pair [pair]."""
    means: Floats = sums.sum(-1) / sizes.sum()
    return means, standard_error(sums, sizes)


def scores_table(names: RunNames, scores: Scores) -> pa.Table:
    """Rows: methods in their order, then edges or nodes."""
    n_rows, n_methods = len(scores.sender), len(scores.methods)
    total = n_rows * n_methods

    def same(value: str) -> pa.Array:
        return encoded([value]).take(pa.array(np.zeros(total, np.int32)))

    columns = {name: same(value) for name, value in vars(names).items()}
    rows = pa.array(np.tile(np.arange(n_rows), n_methods))
    for name in ("sender", "receiver", "slot"):
        columns[name] = encoded(getattr(scores, name)).take(rows)
    methods = pa.array(np.repeat(np.arange(n_methods), n_rows))
    columns["method"] = encoded(list(scores.methods)).take(methods)
    columns["metric"] = same(scores.metric.name)
    columns["direction"] = same(scores.direction.value)
    means, errors = (np.concatenate(parts) for parts in zip(*scores.methods.values(), strict=True))
    columns["score"] = pa.array(means, mask=~np.isfinite(means))
    columns["score_se"] = pa.array(errors, mask=~np.isfinite(errors))
    columns["n"] = pa.array(np.full(total, scores.n))
    schema = table_schema((*RUN_COLUMNS, *SCORE_COLUMNS), [scores.metric])
    return pa.table([columns[name] for name in schema.names], schema=schema)

"""Small summaries, made of the schema's own columns: every number is given, none computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pathpatch_runner.effects import describe_run
from pathpatch_runner.effects.schema import over_columns, summary_columns, table_schema

EXPRESSION = "a0.h3<v~1> -> a1.h9<k> -> logits"
VARIABLES = ("s", "r")


@dataclass(frozen=True)
class NamedMetric:
    name: str
    measured_in: str


METRICS = (NamedMetric("loss", "nats"), NamedMetric("logit_diff", "logits"))
STATISTICS = (
    "effect_mean",
    "effect_se",
    "effect_ci_low",
    "effect_ci_high",
    "normalised_effect",
    "p_value",
    "proportion_explained",
    "pe_ci_low",
    "pe_ci_high",
)


def row(path_id: str = "e", effect: float = 1.0, **changes: Any) -> dict[str, Any]:
    """Clean 1, corrupt 5: a total effect of 4 in noising, of -4 in denoising. The interval is
    half a nat to either side; a quarter of the total by default."""
    return {
        "run_key": "0123456789abcdef",
        "experiment": "toy",
        "model": "gpt-toy",
        "dataset": "pairs",
        "hypothesis": "h",
        "unit": "path",
        "path_id": path_id,
        "path": EXPRESSION,
        "over.s": None,
        "over.r": None,
        "metric": "loss",
        "direction": "noising",
        "n": 1234,
        "clean_mean": 1.0,
        "corrupt_mean": 5.0,
        "patched_mean": 1.0 + effect,
        "effect_mean": effect,
        "effect_se": 0.25,
        "effect_ci_low": effect - 0.5,
        "effect_ci_high": effect + 0.5,
        "normalised_effect": effect / 4,
        "p_value": 0.0421,
        "aue": 1.0,
        "ate": 4.0,
        "proportion_explained": 0.75,
        "pe_ci_low": 0.625,
        "pe_ci_high": 0.875,
        **changes,
    }


def without_values(value: float | None, **changes: Any) -> dict[str, Any]:
    """A row whose every statistic is `value`: None as runs write it, or NaN."""
    return row(**(dict.fromkeys(STATISTICS, value) | changes))


def head_row(sender: str, receiver: str, effect: float) -> dict[str, Any]:
    """A binding of the family `f` over the heads s and r."""
    over = {"over.s": sender, "over.r": receiver}
    return row(f"f[s={sender},r={receiver}]", effect, **over)


def summary(*rows: Mapping[str, Any]) -> pa.Table:
    """The rows as `summary.parquet` holds them."""
    schema = table_schema(summary_columns(over=over_columns(VARIABLES, VARIABLES)), METRICS)
    return pa.Table.from_pylist(list(rows), schema=schema)


def described(
    table: pa.Table,
    *,
    confidence: float = 0.9,
    source: str = "corrupt",
    against: Mapping[str, str | None] | None = None,
) -> pa.Table:
    """The table with what it says of its run, as far as a report reads it."""
    config = {
        "hypotheses": {name: {"against": other} for name, other in (against or {}).items()},
        "patch": {"source": source},
        "statistics": {"confidence": confidence},
    }
    return describe_run(table, {"config": config})

"""When shares are withheld, in which words, and that nothing else is."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from effects.measured import PLAIN, results, unit, values
from pathpatch_runner.config import Direction, StatisticsConfig, UnitKind
from pathpatch_runner.effects import (
    PlainRuns,
    PointIndex,
    accuracy_of,
    contrasts_table,
    read_contrasts,
    readings_of,
    summary_table,
    warnings_of,
)
from pathpatch_runner.effects.trust import SHARES, why_withheld

NOTHING = "the model does not tell the clean prompts from the corrupt ones"
UNKNOWN = "whether the clean prompts differ from the corrupt ones is not known"


@pytest.mark.parametrize(
    ("clean", "corrupt", "low", "high", "why"),
    [
        (1.0, 5.0, 3.0, 5.0, ""),
        (5.0, 1.0, -5.0, -3.0, ""),
        (1.0, 5.0, None, None, ""),
        (1.0, 5.0, math.nan, math.nan, ""),
        (5.0, 5.0, 0.0, 0.0, f"the total effect (0) is within rounding: {NOTHING}"),
        (0.0, 0.0, None, None, f"the total effect (0) is within rounding: {NOTHING}"),
        (
            1000.0,
            1000.0005,
            0.0004,
            0.0006,
            f"the total effect (0.0005) is within rounding: {NOTHING}",
        ),
        (
            1.0,
            1.5,
            -0.25,
            1.25,
            f"the interval of the total effect [-0.25, 1.25] holds 0: {UNKNOWN}",
        ),
        (1.0, 1.5, 0.0, 1.25, f"the interval of the total effect [0, 1.25] holds 0: {UNKNOWN}"),
        (1.0, math.nan, 0.5, 1.0, "there is no total effect: a plain run has no finite mean"),
    ],
)
def test_why(clean: float, corrupt: float, low: float | None, high: float | None, why: str) -> None:
    assert why_withheld(clean, corrupt, low, high) == why


def test_shares_are_null_and_nothing_else_is() -> None:
    # logit_diff: totals -12 and 0 by pair, so that a resample of the second pair alone has none.
    table = summary_table(
        results([unit()], [values((3.0, 2.0, 4.0), (7.0, 6.0, 3.0))]), StatisticsConfig(), 0
    )
    loss, logit_diff = table.to_pylist()
    assert loss["withheld"] is None
    assert all(loss[name] is not None for name in SHARES)
    assert logit_diff["withheld"].startswith("the interval of the total effect [-6, 0] holds 0")
    assert [logit_diff[name] for name in SHARES] == [None] * len(SHARES)
    kept = set(table.column_names) - set(SHARES) - {"n_paths", "n_edges"}
    assert all(logit_diff[name] is not None for name in kept)


def test_readings_say_what_the_plain_runs_did() -> None:
    patched = {each: [values((3.0, 2.0, 4.0))] * 2 for each in Direction}
    table = summary_table(results([unit("a"), unit("b")], patched), StatisticsConfig(), 0)
    readings = readings_of(table)
    assert [(each.metric, each.direction, each.measured_in) for each in readings] == [
        ("loss", "noising", "nats"),
        ("logit_diff", "noising", "logits"),
        ("loss", "denoising", "nats"),
        ("logit_diff", "denoising", "logits"),
    ]
    assert [not each.withheld for each in readings] == [True, False] * 2
    assert readings[0].clean == 2.0
    assert readings[0].total_effect == pytest.approx(10 / 3)
    assert readings[2].total_effect == pytest.approx(-10 / 3)
    assert (readings[0].low, readings[0].high) == (3.0, 4.0)
    assert [warning.partition(":")[0] for warning in warnings_of(table)] == [
        "logit_diff, noising",
        "logit_diff, denoising",
    ]


def test_accuracy_is_said_where_every_point_has_an_answer() -> None:
    made = results([unit()], [values((3.0, 2.0, 4.0))])
    right = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.5]])
    table = summary_table(dataclasses.replace(made, right=right), StatisticsConfig(), 0)
    accuracy = accuracy_of(table)
    assert accuracy is not None
    assert accuracy.sentence == (
        "An answer is the most likely token in 66.7% of the clean and 16.7% of the corrupt "
        "evaluation points"
    )
    right[0, 0] = np.nan
    without = dataclasses.replace(made, right=right)
    assert accuracy_of(summary_table(without, StatisticsConfig(), 0)) is None
    assert accuracy_of(summary_table(made, StatisticsConfig(), 0)) is None


def test_contrasts_of_shares_are_withheld_too() -> None:
    units = [unit(name, UnitKind.hypothesis, name) for name in ("left", "right")]
    same = PlainRuns(PLAIN.clean, PLAIN.clean)
    made = results(units, [PLAIN.clean + 1, PLAIN.corrupt], plain=same)
    (loss, _) = contrasts_table(
        made, read_contrasts({"c": "left - right"}, made.units), StatisticsConfig(), 0
    ).to_pylist()
    assert [loss["left_pe"], loss["pe_difference"], loss["pe_p_value"]] == [None] * 3
    assert loss["difference"] is not None


def test_a_total_without_effect_is_withheld_as_often_as_the_interval_promises() -> None:
    # 300 data sets of 40 pairs whose total effect is noise: the 95% interval misses 0 for few.
    kept = 0
    points = PointIndex(tuple(map(str, range(40))), np.zeros(40, np.int64), np.arange(40))
    for seed in range(300):
        rng = np.random.default_rng(seed)
        clean, corrupt = rng.normal(5.0, 1.0, (2, 2, 40))
        made = results([unit()], [corrupt], plain=PlainRuns(clean, corrupt), points=points)
        statistics = StatisticsConfig(n_resamples=200, n_permutations=1)
        kept += sum(not each.withheld for each in readings_of(summary_table(made, statistics, 0)))
    assert kept / 600 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600) + 0.015

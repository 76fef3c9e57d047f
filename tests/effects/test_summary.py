"""`summary.parquet`: every column of a hand-made run, worked out on paper."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from effects.measured import PLAIN, results, unit, values
from pathpatch_runner.config import Direction, StatisticsConfig, UnitKind
from pathpatch_runner.effects import (
    PlainRuns,
    PointIndex,
    Results,
    check_against,
    summary_table,
)
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.errors import HypothesisError, Problems

DESIGN_COLUMNS = (
    "run_key experiment model dataset hypothesis unit path_id path over.s over.s.layer "
    "over.s.head metric direction n_paths n_edges n "
    "clean_mean corrupt_mean patched_mean effect_mean effect_se effect_ci_low effect_ci_high "
    "total_effect total_effect_ci_low total_effect_ci_high "
    "normalised_effect normalised_ci_low normalised_ci_high p_value q_value "
    "p_max_t p_floor aue ate proportion_explained pe_ci_low pe_ci_high withheld"
)


def rows(made: Results, seed: int = 0) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = summary_table(made, StatisticsConfig(), seed).to_pylist()
    return listed


def many_pairs(n_pairs: int = 20) -> tuple[PlainRuns, PointIndex, np.random.Generator]:
    """One point a pair; corrupt is worse than clean by about 3."""
    rng = np.random.default_rng(4)
    clean = rng.normal(1.0, 0.2, (2, n_pairs))
    points = PointIndex(
        tuple(f"p{i}" for i in range(n_pairs)), np.zeros(n_pairs, np.int64), np.arange(n_pairs)
    )
    return PlainRuns(clean, clean + rng.normal(3.0, 0.5, clean.shape)), points, rng


def test_columns_stand_in_the_order_of_the_design() -> None:
    bound = unit("f[s=a0.h1]", binding=(("s", "a0.h1"),))
    assert " ".join(rows(results([bound], [values((0.0, 0.0, 0.0))]))[0]) == DESIGN_COLUMNS


def test_noising_by_hand() -> None:
    loss, logit_diff = rows(results([unit()], [values((3.0, 2.0, 4.0), (8.0, 6.0, 4.0))]))
    # clean 1 2 3, corrupt 5 4 7, patched 3 2 4: effects 2 0 | 1 in pairs of two and one.
    assert (loss["metric"], loss["n"]) == ("loss", 3)
    assert (loss["clean_mean"], loss["patched_mean"]) == (2.0, 3.0)
    assert loss["corrupt_mean"] == pytest.approx(16 / 3)
    assert loss["effect_mean"] == 1.0
    # Residuals of the pairs' sums 2 and 1 from 1 * (2, 1): both 0.
    assert loss["effect_se"] == 0.0
    assert (loss["effect_ci_low"], loss["effect_ci_high"]) == (1.0, 1.0)
    assert loss["normalised_effect"] == pytest.approx(3 / 10)
    assert loss["p_value"] == 0.5  # of ++, +-, -+, -- the sums 3 and -3
    assert loss["aue"] == 1.0
    assert loss["ate"] == pytest.approx(10 / 3)
    assert loss["proportion_explained"] == pytest.approx(0.7)
    # A resample is (p0, p0), (p0, p1) or (p1, p1): aue 4, 3, 2 of ate 12, 10, 8, so 1 - aue/ate
    # is 2/3, 7/10 or 3/4, the outer two a quarter of the time each.
    assert (loss["pe_ci_low"], loss["pe_ci_high"]) == (pytest.approx(2 / 3), pytest.approx(3 / 4))
    # Of logit_diff one pair has a total effect of 0, so that the interval holds 0.
    assert (logit_diff["effect_mean"], logit_diff["proportion_explained"]) == (0.0, None)


def test_denoising_by_hand() -> None:
    loss, _ = rows(results([unit()], {Direction.denoising: [values((2.0, 2.0, 4.0))]}))
    # patched - corrupt: -3 -2 -3; total clean - corrupt: -4 -2 -4; clean - patched: -1 0 -1.
    assert loss["effect_mean"] == pytest.approx(-8 / 3)
    assert loss["normalised_effect"] == pytest.approx(8 / 10)
    assert loss["aue"] == pytest.approx(2 / 3)
    assert loss["proportion_explained"] == pytest.approx(1 - 2 / 10)


@pytest.mark.parametrize(
    ("direction", "patched", "normalised", "explained"),
    [
        (Direction.noising, PLAIN.corrupt, 1.0, 0.0),
        (Direction.noising, PLAIN.clean, 0.0, 1.0),
        (Direction.denoising, PLAIN.clean, 1.0, 1.0),
        (Direction.denoising, PLAIN.corrupt, 0.0, 0.0),
    ],
)
def test_everything_and_nothing_patched(
    direction: Direction, patched: Floats, normalised: float, explained: float
) -> None:
    loss, _ = rows(results([unit()], {direction: [patched]}))
    assert loss["normalised_effect"] == normalised
    assert loss["proportion_explained"] == explained
    assert loss["withheld"] is None


def test_no_total_effect_leaves_quotients_null() -> None:
    same = PlainRuns(PLAIN.clean, PLAIN.clean)
    loss, _ = rows(results([unit()], [PLAIN.clean], plain=same))
    null = ("normalised_effect", "proportion_explained", "pe_ci_low", "pe_ci_high")
    assert [loss[name] for name in null] == [None] * 4
    assert (loss["ate"], loss["aue"], loss["effect_mean"], loss["p_value"]) == (0, 0, 0, 1)


def test_one_pair_has_no_interval() -> None:
    points = PointIndex(("p0",) * 3, np.array([3, 4, 5]), np.array([0, 0, 0]))
    loss, _ = rows(results([unit()], [values((3.0, 2.0, 4.0))], points=points))
    null = ("effect_se", "effect_ci_low", "effect_ci_high", "pe_ci_low", "pe_ci_high")
    assert [loss[name] for name in null] == [None] * 5
    assert (loss["effect_mean"], loss["p_value"]) == (1.0, 1.0)


def test_against_measures_with_the_other_hypothesis_aue() -> None:
    units = [
        unit("e", UnitKind.path, "claim"),
        unit("e+f", UnitKind.hypothesis, "claim"),
        unit("rest", UnitKind.hypothesis, "rest"),
    ]
    patched = [values((2.0, 2.0, 3.0)), values((1.0, 2.0, 2.0)), values((3.0, 2.0, 5.0))]
    summary = rows(results(units, patched, {"claim": "rest"}))
    explained = {
        row["path_id"]: row["proportion_explained"] for row in summary if row["metric"] == "loss"
    }
    # Unexplained sums: rest 2 + 0 + 2 = 4, e 1, e+f 1; rest itself of the total 4 + 2 + 4.
    assert explained == pytest.approx({"e": 3 / 4, "e+f": 3 / 4, "rest": 1 - 4 / 10})
    assert [row["ate"] for row in summary[::2]] == pytest.approx([10 / 3] * 3)


def test_against_compares_within_a_direction() -> None:
    units = [unit(kind=UnitKind.hypothesis, hypothesis=name) for name in ("rest", "claim")]
    claim = values((3.0, 2.0, 3.0))  # unexplained 2
    patched = {
        Direction.noising: [values((2.0, 2.0, 3.0)), claim],  # rest: unexplained 1
        Direction.denoising: [values((5.0, 2.0, 3.0)), claim],  # rest: 4
    }
    summary = rows(results(units, patched, {"claim": "rest"}))
    assert [row["proportion_explained"] for row in summary[2::4]] == [-1.0, 0.5]


def test_against_needs_the_other_hypothesis_as_a_whole() -> None:
    units = [unit(hypothesis="claim"), unit(hypothesis="rest")]
    with pytest.raises(HypothesisError) as error:
        check_against(units, {"claim": "rest"})
    assert str(error.value) == (
        'hypotheses.claim.against: "rest" is not evaluated as a whole in this run, so there is '
        'no AUE to measure against. Add "hypothesis" to patch.units'
    )
    with pytest.raises(HypothesisError, match=r"^hypotheses\.claim\.against"):
        rows(results(units, [values((1.0, 2.0, 3.0))] * 2, {"claim": "rest"}))


def test_all_missing_hypotheses_are_reported_together() -> None:
    units = [unit(hypothesis=name) for name in ("a", "b", "rest")]
    with pytest.raises(Problems, match=r"^2 problems:\n1\. hypotheses\.a\.against"):
        check_against(units, {"a": "rest", "b": "rest"})


def test_intervals_cover_the_mean_and_are_about_two_standard_errors_wide() -> None:
    plain, points, rng = many_pairs()
    patched = plain.clean + rng.normal(1.0, 0.5, plain.clean.shape)
    row = rows(results([unit()], [patched], plain=plain, points=points))[0]
    assert row["effect_ci_low"] < row["effect_mean"] < row["effect_ci_high"]
    width = row["effect_ci_high"] - row["effect_ci_low"]
    # The percentile interval uses the spread over n, the standard error over n - 1.
    assert width == pytest.approx(2 * 1.96 * row["effect_se"] * np.sqrt(19 / 20), rel=0.1)
    assert row["pe_ci_low"] < row["proportion_explained"] < row["pe_ci_high"]
    assert row["p_value"] == 1 / 1001


def test_a_row_does_not_depend_on_the_others_or_their_order() -> None:
    plain, points, rng = many_pairs()
    units = [unit(path_id) for path_id in "abc"]
    patched = [plain.clean + rng.normal(0.2, 1, (2, 20)) for _ in units]
    together = _without_q(rows(results(units, patched, plain=plain, points=points)))
    backwards = _without_q(rows(results(units[::-1], patched[::-1], plain=plain, points=points)))
    alone = _without_q(rows(results(units[1:2], patched[1:2], plain=plain, points=points)))
    assert together == backwards[4:] + backwards[2:4] + backwards[:2]
    assert alone == together[2:4]


def test_rows_share_their_draws() -> None:
    # "b" is "a" under another name, "c" lies 10 above it in every pair: with one set of resamples
    # and flips, the intervals of the effects are the same, and 10 above.
    plain, points, rng = many_pairs()
    patched = plain.clean + rng.normal(0.2, 1, (2, 20))
    made = results(
        [unit(name) for name in "abc"], [patched, patched, patched + 10], plain=plain, points=points
    )
    first, second, third = rows(made)[::2]
    names = ("effect_ci_low", "effect_ci_high", "pe_ci_low", "pe_ci_high", "p_value")
    assert [first[name] for name in names] == [second[name] for name in names]
    for name in ("effect_ci_low", "effect_ci_high"):
        assert third[name] == pytest.approx(first[name] + 10, abs=1e-12)


def _without_q(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """q and max-T are statements about all tests of a family; everything else is the row's own."""
    of_families = ("q_value", "p_max_t")
    return [{k: cell for k, cell in row.items() if k not in of_families} for row in listed]


def test_q_values_belong_to_one_hypothesis_unit_metric_and_direction() -> None:
    plain, points, rng = many_pairs(6)
    units = [
        unit("a"),
        unit("b"),
        unit("a+b", UnitKind.hypothesis),
        unit("a", hypothesis="other"),
        unit("b", hypothesis="other"),
    ]
    shifts = {Direction.noising: (2, 0, 2, 0, 2), Direction.denoising: (0, 0, 0, 2, 2)}
    patched = {
        direction: [rng.normal(shift, 1.0, (2, 6)) + plain.base(direction) for shift in of_units]
        for direction, of_units in shifts.items()
    }
    listed = rows(results(units, patched, plain=plain, points=points))
    for row in listed:
        family = [
            other["p_value"]
            for other in listed
            if all(other[key] == row[key] for key in ("hypothesis", "unit", "metric", "direction"))
        ]
        larger, smaller = max(family), min(family)
        assert len(family) == (1 if row["unit"] == "hypothesis" else 2)
        # Of two p values the larger is its own q; the smaller doubles, up to the larger.
        expected = larger if row["p_value"] == larger else min(2 * smaller, larger)
        assert row["q_value"] == pytest.approx(expected)


def test_total_and_normalised_effect_by_hand() -> None:
    loss, _ = rows(results([unit()], [values((3.0, 2.0, 4.0))]))
    # corrupt - clean: 4 2 | 4, effects 2 0 | 1. A resample is (p0, p0), (p0, p1) or (p1, p1):
    # total 12/4, 10/3, 8/2; normalised 4/12, 3/10, 2/8; the outer two a quarter of the time each.
    assert loss["total_effect"] == pytest.approx(10 / 3)
    assert (loss["total_effect_ci_low"], loss["total_effect_ci_high"]) == (3.0, 4.0)
    assert loss["normalised_effect"] == pytest.approx(3 / 10)
    assert loss["normalised_ci_low"] == pytest.approx(1 / 4)
    assert loss["normalised_ci_high"] == pytest.approx(1 / 3)


def test_paths_are_counted_exactly() -> None:
    exactly = 3 * 10**60 + 7
    made = dataclasses.replace(
        results([unit("a"), unit("b")], [values((3.0, 2.0, 4.0))] * 2), n_paths=(1, exactly)
    )
    assert [row["n_paths"] for row in rows(made)] == ["1", "1", str(exactly), str(exactly)]
    uncounted = rows(dataclasses.replace(made, n_paths=()))
    assert [row["n_paths"] for row in uncounted] == [None] * 4


def test_another_seed_draws_other_resamples() -> None:
    plain, points, rng = many_pairs()
    made = results(
        [unit()], [plain.clean + rng.normal(0.2, 1, (2, 20))], plain=plain, points=points
    )
    first, second = (rows(made, seed=seed)[0] for seed in (0, 1))
    assert first["effect_ci_low"] != second["effect_ci_low"]
    assert first["effect_mean"] == second["effect_mean"]

"""Paired differences: by hand, in simulation, and every way to ask for one that is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from effects.measured import PLAIN, results, unit, values
from pathpatch_runner.config import Direction, StatisticsConfig, UnitKind
from pathpatch_runner.effects import (
    PlainRuns,
    PointIndex,
    Results,
    contrasts_table,
    read_contrasts,
)
from pathpatch_runner.errors import ConfigError, Problems

UNITS = (
    unit("k", hypothesis="refined"),
    unit("q", hypothesis="refined"),
    unit("k+q", UnitKind.hypothesis, "refined"),
    unit("all", UnitKind.hypothesis, "direct"),
    unit("lone", UnitKind.path, "partial"),
)


def rows(made: Results, n_resamples: int = 1000, **contrasts: str) -> list[dict[str, Any]]:
    read = read_contrasts(contrasts, made.units)
    statistics = StatisticsConfig(n_resamples=n_resamples)
    listed: list[dict[str, Any]] = contrasts_table(made, read, statistics, 0).to_pylist()
    return listed


def test_sides_are_hypotheses_or_units() -> None:
    contrasts = {"a": "refined - direct", "b": "refined/k - refined/q", "c": "direct - refined/k+q"}
    read = read_contrasts(contrasts, UNITS)
    assert [(each.left, each.right) for each in read] == [(2, 3), (0, 1), (3, 2)]
    assert (read[0].name, read[0].left_text, read[0].right_text) == ("a", "refined", "direct")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "refined-direct",
            '"refined-direct" is not the difference of two names. Write them with " - " between, '
            'such as "refined - direct" or "refined/k - refined/q"',
        ),
        (
            "refined - direct - partial",
            '"refined - direct - partial" is not the difference of two names. Write them with '
            '" - " between, such as "refined - direct" or "refined/k - refined/q"',
        ),
        (
            "refind - direct",
            'no hypothesis "refind". Did you mean "refined"? Hypotheses: refined, direct, partial',
        ),
        (
            "refined/kk - direct",
            'hypothesis "refined" has no unit "kk" in this run. Did you mean "k"? '
            "It has: k, q, k+q",
        ),
        (
            "partial - direct",
            '"partial" is not evaluated as a whole in this run. Add "hypothesis" to patch.units, '
            "or name one of its units: partial/lone",
        ),
        ("direct - direct", '"direct - direct" subtracts "direct" from itself'),
    ],
)
def test_one_message_for_what_is_not_there(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_contrasts({"c": text}, UNITS)
    assert str(error.value) == f"contrasts.c: {message}"


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(Problems, match=r"^3 problems:\n1\. contrasts\.a: no hypothesis"):
        read_contrasts({"a": "x - y", "b": "direct"}, UNITS)


def test_noising_by_hand() -> None:
    units = [unit(name, UnitKind.hypothesis, name) for name in ("left", "right")]
    patched = [values((3.0, 2.0, 4.0)), values((2.0, 2.0, 3.0))]
    listed = rows(results(units, patched), c="left - right")
    assert [row["metric"] for row in listed] == ["loss", "logit_diff"]
    loss = listed[0]
    # clean 1 2 | 3; left - clean: 2 0 | 1, right - clean: 1 0 | 0. Differences by pair: 1 and 1.
    assert (loss["left_effect"], loss["right_effect"]) == (1.0, pytest.approx(1 / 3))
    assert loss["difference"] == pytest.approx(2 / 3)
    # A resample has 2 of 4 points, 2 of 3 or 2 of 2.
    assert loss["difference_ci_low"] == pytest.approx(2 / 4)
    assert loss["difference_ci_high"] == pytest.approx(1)
    assert loss["p_value"] == 0.5
    # Unexplained 3 and 1 of the total 4 + 2 + 4 = 10; by pair left 2, 1, right 1, 0.
    assert (loss["left_pe"], loss["right_pe"]) == (pytest.approx(0.7), pytest.approx(0.9))
    assert loss["pe_difference"] == pytest.approx(-0.2)
    # (p0, p0): 2/12 less; (p1, p1): 2/8 less.
    assert loss["pe_difference_ci_low"] == pytest.approx(-2 / 8)
    assert loss["pe_difference_ci_high"] == pytest.approx(-2 / 12)
    assert loss["pe_p_value"] == 0.5


def test_a_contrast_turned_round_changes_sign_only() -> None:
    units = [unit(name, UnitKind.hypothesis, name) for name in ("left", "right")]
    patched = {
        direction: [values((3.0, 2.0, 4.0), (1.0, 0.0, 2.0)), values((2.0, 1.0, 3.0))]
        for direction in Direction
    }
    listed = rows(results(units, patched), there="left - right", back="right - left")
    # Of logit_diff one pair has no total effect, so that no interval is defined.
    loss = [row for row in listed if row["metric"] == "loss"]
    there = [row for row in loss if row["contrast"] == "there"]
    back = [row for row in loss if row["contrast"] == "back"]
    assert len(there) == len(back) == 2
    for one, other in zip(there, back, strict=True):
        for name in ("difference", "pe_difference"):
            assert one[name] == pytest.approx(-other[name])
            assert one[f"{name}_ci_low"] == pytest.approx(-other[f"{name}_ci_high"])
        assert one["p_value"] == other["p_value"]
        assert one["pe_p_value"] == other["pe_p_value"]


def test_without_a_total_effect_there_is_no_share_to_compare() -> None:
    units = [unit(name, UnitKind.hypothesis, name) for name in ("left", "right")]
    same = PlainRuns(PLAIN.clean, PLAIN.clean)
    listed = rows(results(units, [PLAIN.clean, PLAIN.corrupt], plain=same), c="left - right")
    names = ("left_pe", "pe_difference", "pe_difference_ci_low", "pe_p_value", "pe_q_value")
    assert [listed[0][name] for name in names] == [None] * 5
    assert listed[0]["difference"] == pytest.approx(-10 / 3)


def equal_sides(seed: int, n_pairs: int = 10) -> Results:
    """Two hypotheses that are as good as each other, on pairs that differ a lot."""
    rng = np.random.default_rng(seed)
    clean = rng.normal(0.0, 5.0, (2, n_pairs))
    pairs = tuple(f"p{i}" for i in range(n_pairs))
    points = PointIndex(pairs, np.zeros(n_pairs, np.int64), np.arange(n_pairs))
    hardness = rng.normal(1.0, 3.0, (2, n_pairs))
    patched = [clean + hardness + rng.normal(0, 0.3, (2, n_pairs)) for _ in range(2)]
    units = [unit(name, UnitKind.hypothesis, name) for name in ("left", "right")]
    return results(units, patched, plain=PlainRuns(clean, clean - 4), points=points)


def test_both_tests_keep_their_level_over_1000_seeds() -> None:
    listed = [rows(equal_sides(seed), 2, c="left - right") for seed in range(1000)]
    p_values = np.array([[run[0]["p_value"], run[0]["pe_p_value"]] for run in listed])
    assert ((p_values <= 0.05).mean(0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)).all()
    assert ((p_values <= 0.05).mean(0) > 0.02).all()

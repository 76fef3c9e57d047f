"""CPR, CMD and AUROC worked out by hand, and the table of a family over sizes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from effects.measured import results as made_of
from pathpatch_runner.circuit import Circuit, circuit_of
from pathpatch_runner.circuit.edges import edges_of
from pathpatch_runner.config import Direction, StatisticsConfig, UnitKind
from pathpatch_runner.effects import (
    PlainRuns,
    PointIndex,
    Results,
    curves_table,
    sized_families,
)
from pathpatch_runner.effects.curves import (
    Confusion,
    area_between,
    auroc,
    auroc_of_scores,
    cmd,
    cpr,
)
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis import Unit

MIB = np.array([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0])
SIZES = np.array([0.2, 0.6, 1.0])


def test_a_circuit_that_carries_everything_at_every_size() -> None:
    assert cpr(np.ones(10), MIB) == pytest.approx(0.999)
    assert cmd(np.ones(10), MIB) == 0.0


def test_areas_by_hand() -> None:
    carried = np.array([0.0, 0.5, 1.5])
    # 0.4 * (0 + 0.5)/2 + 0.4 * (0.5 + 1.5)/2; |1 - f| is 1, 0.5, 0.5.
    assert cpr(carried, SIZES) == pytest.approx(0.1 + 0.4)
    assert cmd(carried, SIZES) == pytest.approx(0.3 + 0.2)
    # |f - g| is 0, 0.5, 0.5.
    assert area_between(carried, np.array([0.0, 1.0, 1.0]), SIZES) == pytest.approx(0.1 + 0.2)


def test_areas_of_many_curves_at_once() -> None:
    curves = np.random.default_rng(0).normal(size=(5, 3))
    one_by_one = [float(cpr(each, SIZES)) for each in curves]
    assert cpr(curves, SIZES) == pytest.approx(one_by_one)


REFERENCE = np.array([True, True, False, False, False])


def test_confusion_by_hand() -> None:
    chosen = np.array([[1, 0, 1, 0, 0], [1, 1, 1, 1, 0]], dtype=bool)
    found = Confusion.of(chosen, REFERENCE)
    assert found.true_positives.tolist() == [1, 2]
    assert found.false_positives.tolist() == [1, 2]
    assert found.false_negatives.tolist() == [1, 0]
    assert found.true_negatives.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ([[1, 1, 0, 0, 0]], 1.0),  # straight up, then right
        ([[0, 0, 1, 1, 1]], 0.0),  # right, then up
        ([[0, 0, 0, 0, 0]], 0.5),  # nothing and everything only: the diagonal
        # (1/3, 1/2), (2/3, 1): 1/3 * 1/4 + 1/3 * 3/4 + 1/3 * 1
        ([[1, 0, 1, 0, 0], [1, 1, 1, 1, 0]], 2 / 3),
        ([[1, 1, 1, 1, 0], [1, 0, 1, 0, 0]], 2 / 3),  # in any order
    ],
)
def test_auroc_of_circuits_by_hand(chosen: list[list[int]], expected: float) -> None:
    assert auroc(np.array(chosen, dtype=bool), REFERENCE) == pytest.approx(expected)


def test_auroc_of_scores_by_hand() -> None:
    # Of the 2 * 3 comparisons 0.9 wins 3; 0.4 wins one, ties one and loses one.
    scores = np.array([0.9, 0.4, 0.4, 0.5, 0.1])
    assert auroc_of_scores(scores, REFERENCE) == pytest.approx(4.5 / 6)
    assert auroc_of_scores(-scores, REFERENCE) == pytest.approx(1.5 / 6)
    assert auroc_of_scores(np.zeros(5), REFERENCE) == 0.5


def test_auroc_of_a_full_ranking_is_that_of_its_circuits() -> None:
    rng = np.random.default_rng(3)
    scores, reference = rng.permutation(40).astype(float), rng.random(40) < 0.3
    chosen = np.stack([scores > 39 - n for n in range(41)])
    assert auroc(chosen, reference) == pytest.approx(auroc_of_scores(scores, reference))


@pytest.mark.parametrize("reference", [np.zeros(5, bool), np.ones(5, bool)])
def test_auroc_needs_edges_of_both_kinds(reference: np.ndarray) -> None:
    assert np.isnan(auroc(np.ones((1, 5), bool), reference))
    assert np.isnan(auroc_of_scores(np.arange(5.0), reference))


GRAPH = Graph(ModelShape(1, 2, 8, 4, 11, 16, attn_only=True))
EDGES = edges_of(GRAPH)


def circuit(*names: str) -> Circuit:
    return circuit_of(GRAPH, np.array([name in names for name in EDGES.names]))


DIRECT = ("input->logits",)
HEAD = ("input->logits", "input->a0.h0<v>", "a0.h0->logits")


def sized(entry: str, size: str, of: Circuit, reference: Circuit | None = None) -> Unit:
    path_id = f"{entry}[size={size}]"
    binding = (("size", size),)
    return Unit("h", UnitKind.path, path_id, of.text, binding, (of,), entry, reference)


def run_of(*families: tuple[list[Unit], list[float]], clean: float = 1.0) -> Results:
    """Four pairs of one point: corrupt 0, `clean` clean; every unit has one value in all pairs."""
    points = PointIndex(tuple("abcd"), np.zeros(4, np.int64), np.arange(4))
    units = [unit for listed, _ in families for unit in listed]
    patched = [np.full((2, 4), value) for _, values in families for value in values]
    plain = PlainRuns(np.full((2, 4), clean), np.zeros((2, 4)))
    return made_of(units, {Direction.denoising: patched}, plain=plain, points=points)


def rows(made: Results) -> list[dict[str, Any]]:
    table = curves_table(made, sized_families(made), StatisticsConfig(), 0)
    return [row for row in table.to_pylist() if row["metric"] == "loss"]


def test_a_family_over_sizes() -> None:
    reference = circuit(*DIRECT)
    listed = [
        sized("c", "1.0", circuit(*EDGES.names), reference),
        sized("c", "0.2", circuit(), reference),
        sized("c", "0.6", circuit(*HEAD), reference),
    ]
    (row,) = rows(run_of((listed, [1.5, 0.0, 0.5])))
    assert (row["hypothesis"], row["entry"], row["other"]) == ("h", "c", None)
    assert (row["sizes"], row["carried"]) == ([0.2, 0.6, 1.0], [0.0, 0.5, 1.5])
    assert row["n_edges"] == [0, 3, len(EDGES.names)]
    assert [row[name] for name in ("cpr", "cpr_ci_low", "cpr_ci_high")] == pytest.approx([0.5] * 3)
    assert [row[name] for name in ("cmd", "cmd_ci_low", "cmd_ci_high")] == pytest.approx([0.5] * 3)
    assert row["true_positives"] == [0, 1, 1]
    assert row["false_positives"] == [0, 2, len(EDGES.names) - 1]
    # (0, 0), (2/n, 1), (1, 1) with n edges outside the reference: a triangle is missing.
    assert row["auroc"] == pytest.approx(1 - 0.5 * 2 / (len(EDGES.names) - 1))


def test_two_families_are_compared_pair_by_pair() -> None:
    first = [sized("c", size, circuit(*HEAD)) for size in ("0.2", "0.6", "1.0")]
    second = [sized("d", size, circuit(*HEAD)) for size in ("0.2", "0.6", "1.0")]
    *own, both = rows(run_of((first, [0.0, 0.5, 1.5]), (second, [0.0, 1.0, 1.0])))
    assert [row["entry"] for row in own] == ["c", "d"]
    assert (both["entry"], both["other"], both["cpr"]) == ("c", "h/d", None)
    # 0.5 against 0.4 * 0.5 + 0.4 * 1 = 0.6
    assert both["cpr_difference"] == pytest.approx(-0.1)
    assert both["area_between"] == pytest.approx(0.3)
    assert own[0]["auroc"] is None


def test_families_of_other_sizes_are_not_compared() -> None:
    first = [sized("c", size, circuit(*HEAD)) for size in ("0.2", "0.6")]
    second = [sized("d", size, circuit(*HEAD)) for size in ("0.2", "0.7")]
    made = run_of((first, [0.0, 0.5]), (second, [0.0, 1.0]))
    assert [row["other"] for row in rows(made)] == [None, None]


def test_what_is_no_curve() -> None:
    listed = [sized("c", size, circuit(*HEAD)) for size in ("0.2", "0.6")]
    made = run_of((listed, [0.0, 0.5]))
    noising = dataclasses.replace(
        made, patched={Direction.noising: made.patched[Direction.denoising]}
    )
    assert sized_families(noising) == ()
    assert sized_families(run_of((listed[:1], [0.5]))) == ()


def test_without_a_total_effect_there_is_no_curve_to_measure() -> None:
    listed = [sized("c", size, circuit(*HEAD), circuit(*DIRECT)) for size in ("0.2", "0.6")]
    (row,) = rows(run_of((listed, [0.0, 0.5]), clean=0.0))
    assert (row["cpr"], row["cmd_ci_low"], row["carried"]) == (None, None, [None, None])
    assert row["auroc"] is not None


def test_intervals_are_paired_over_pairs() -> None:
    # Pairs differ a lot, and both families carry the same of each: the difference is exactly 0.
    rng = np.random.default_rng(0)
    points = PointIndex(tuple(map(str, range(30))), np.zeros(30, np.int64), np.arange(30))
    clean = rng.uniform(1, 9, (2, 30))
    listed = [sized(entry, size, circuit(*HEAD)) for entry in "cd" for size in ("0.2", "1.0")]
    patched = {Direction.denoising: [clean * rng.uniform(0, 1), clean * 0.9] * 2}
    made = made_of(listed, patched, plain=PlainRuns(clean, 0 * clean), points=points)
    *_, both = rows(made)
    names = ("cpr_difference", "cpr_difference_ci_low", "cpr_difference_ci_high", "area_between")
    assert [both[name] for name in names] == pytest.approx([0.0] * 4, abs=1e-12)

"""Rank correlations of scores on the page."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pathpatch_runner.report.page.scores import scores, spearman
from report.pages import Page
from report.summaries import row, summary
from report.views import view


def test_ranks_are_correlated_and_ties_share_theirs() -> None:
    # By hand: ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4 give 4.5 / sqrt(4.5 x 5).
    a, b = np.array([0.1, 0.5, 0.5, 9.0]), np.array([1.0, 2.0, 3.0, 4.0])
    assert spearman(a, b) == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    assert spearman(b, -b) == pytest.approx(-1)
    assert np.isnan(spearman(b, np.zeros(4)))


def test_each_method_is_held_against_the_exact_scores_there_are() -> None:
    exact = [float(n) for n in range(12)] + [None]
    found = {
        "exact": exact,
        "same": [*range(12), 99],
        "turned": [-n for n in range(13)],
        "none": [0] * 13,
    }
    rows = [
        {"sender": f"a0.h{n}", "method": method, "score": None if v is None else float(v)}
        for method, values in found.items()
        for n, v in enumerate(values)
    ]
    made = view(summary(row()), tables={"scores": pa.Table.from_pylist(rows)})
    text = " ".join(Page.of(scores(made)).text.split())
    assert "over the 12 edges that have one" in text
    assert text.endswith("scores of sizes signed same 1.000 1.000 turned 1.000 -1.000 none - -")


def test_without_exact_scores_there_is_nothing() -> None:
    rows = [{"sender": f"a0.h{n}", "method": "eap", "score": 1.0} for n in range(20)]
    assert scores(view(summary(row()), tables={"scores": pa.Table.from_pylist(rows)})) == ""
    assert scores(view(summary(row()))) == ""

"""Claims against hand-made rows: what is found, how far off, and what cannot be looked up."""

from __future__ import annotations

import pytest

from pathpatch_runner.regress.claim import (
    Check,
    Claim,
    Exactly,
    Near,
    Order,
    Run,
    Sign,
    Top,
    Within,
)
from pathpatch_runner.regress.query import table_name
from pathpatch_runner.regress.verdict import Mark, judge
from regress.tables import ROWS, row

FIRST = {"over.s": "a0.h0"}


def claim(
    check: Check, where: dict[str, object] | None = None, column: str = "effect_mean"
) -> Claim:
    return Claim("c", Run("toy"), where or {}, column, check, "a paper")


@pytest.mark.parametrize(
    ("check", "where", "found", "off_by", "mark"),
    [
        (Near(3.1, 0.2), FIRST, "3", "0.1", Mark.passed),
        (Near(3.0, 0.0), FIRST, "3", "0", Mark.passed),
        (Near(3.5, 0.2), FIRST, "3", "0.5", Mark.failed),
        (Within(2.0, None), FIRST, "3", "0", Mark.passed),
        (Within(None, 2.0), FIRST, "3", "1", Mark.failed),
        (Within(4.0, 5.0), FIRST, "3", "1", Mark.failed),
        (Sign(positive=True), FIRST, "3", "0", Mark.passed),
        (Sign(positive=False), FIRST, "3", "3", Mark.failed),
        (
            Order("over.s", ("a0.h0", "a0.h1", 0.0, "a1.h1", "a1.h0")),
            {},
            "3, 1, 0, -0.5, -5",
            "0",
            Mark.passed,
        ),
        (Order("over.s", ("a0.h1", "a0.h0")), {}, "1, 3", "2", Mark.failed),
        (Order("over.s", ("a0.h1", "a0.h1")), {}, "1, 1", "0", Mark.failed),
        (Top("over.s", ("a0.h0", "a1.h0")), {}, "a1.h0, a0.h0", "0 of 2", Mark.passed),
        (Top("over.s", ("a0.h0", "a0.h1")), {}, "a1.h0, a0.h0", "1 of 2", Mark.failed),
        (Exactly("over.s", ("a0.h0",)), FIRST, "a0.h0", "0 missing, 0 too many", Mark.passed),
        (Exactly("over.s", ("a0.h1",)), FIRST, "a0.h0", "1 missing, 1 too many", Mark.failed),
    ],
)
def test_checks(
    check: Check, where: dict[str, object], found: str, off_by: str, mark: Mark
) -> None:
    verdict = judge("toy", claim(check, where), ROWS)
    assert (verdict.found, verdict.off_by, verdict.mark) == (found, off_by, mark)


@pytest.mark.parametrize(
    ("where", "column", "reason"),
    [
        (
            {"over.s": "a0.h7"},
            "effect_mean",
            'no row has over.s=a0.h7. Column "over.s" has a0.h0, a0.h1, a1.h0, a1.h1 there. '
            'Did you mean "a0.h1"?',
        ),
        (
            {"unit": "path", "metric": "loss"},
            "effect_mean",
            'no row has unit=path, metric=loss. Column "metric" has logit_diff there.',
        ),
        (
            {"hypotesis": "h"},
            "effect_mean",
            'the table has no column "hypotesis". Did you mean "hypothesis"? It has: '
            f"{', '.join(ROWS[0])}",
        ),
        (
            {"unit": "path"},
            "effect_mean",
            "4 rows have unit=path, and the claim is about one: "
            + "; ".join(
                f"hypothesis=h, unit=path, path_id=e[s={head}], metric=logit_diff, "
                "direction=noising"
                for head in ("a0.h0", "a0.h1", "a1.h0", "a1.h1")
            )
            + '. Say more in "where"',
        ),
        (FIRST, "path", None),
    ],
)
def test_a_query_that_fits_no_row_or_several_fails(
    where: dict[str, object], column: str, reason: str | None
) -> None:
    verdict = judge("toy", claim(Sign(positive=True), where, column), ROWS)
    assert verdict.mark is Mark.failed
    if reason is not None:
        assert verdict.reason == reason


def test_a_null_is_not_a_number() -> None:
    verdict = judge("toy", claim(Sign(positive=True)), [row("a0.h0", None)])
    assert verdict.mark is Mark.failed
    assert verdict.reason.startswith(
        'column "effect_mean" holds None, not a number, at hypothesis=h'
    )


def test_a_secondary_claim_says_so() -> None:
    made = Claim("c", Run("toy"), FIRST, "effect_mean", Near(3.0, 0.1), "a paper", secondary=True)
    verdict = judge("toy", made, ROWS)
    assert (verdict.name, verdict.source) == ("c*", "a paper (secondary)")
    assert verdict.expected == "3 ± 0.1"


def test_values_of_single_points_are_in_the_other_table() -> None:
    assert table_name("effect_mean", "found") == "found.parquet"
    assert table_name("patched") == "effects.parquet"
    assert table_name("patched_mean") == "summary.parquet"

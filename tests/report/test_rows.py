"""Which rows stand together, in which order, and what they are called."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from pathpatch_runner.report.rows import (
    Settings,
    label,
    leading_sections,
    most_important,
    rows_of,
    sections_of,
    settings_of,
)
from report.summaries import described, row, summary, without_values


def test_a_section_is_a_metric_and_a_direction() -> None:
    keys = [("loss", "noising"), ("logit_diff", "noising"), ("loss", "denoising")]
    table = summary(*(row(e, metric=m, direction=d) for e in "ab" for m, d in keys))
    sections = sections_of(table)
    assert [(section.metric, section.direction) for section in sections] == keys
    assert [section.quantity for section in sections[:2]] == ["loss (nats)", "logit_diff (logits)"]
    assert [each["path_id"] for each in sections[2].rows] == ["a", "b"]
    assert [section.total for section in sections] == [4, 4, -4]


def test_no_rows_are_no_sections() -> None:
    assert sections_of(summary()) == []


def test_what_is_no_number_is_none() -> None:
    changed = row(effect_mean=math.nan, effect_ci_low=-math.inf, p_value=None, clean_mean=math.nan)
    (section,) = sections_of(summary(changed))
    (read,) = section.rows
    assert [read[name] for name in ("effect_mean", "effect_ci_low", "p_value")] == [None] * 3
    assert section.total is None


def test_few_rows_stay_as_they_are() -> None:
    rows = [row("a", 1.0), row("b", -3.0), row("c", 2.0)]
    assert most_important(rows, 3) == rows


def test_leading_rows_are_found_without_making_the_others() -> None:
    rows = [
        row("small", 0.1),
        without_values(None, path_id="missing"),
        row("down", -3.0),
        row("a+b", 0.01, unit="hypothesis"),
        row("other", 5.0, direction="denoising"),
    ]
    noising, denoising = leading_sections(summary(*rows), 2)
    assert [each["path_id"] for each in noising.rows] == ["a+b", "down"]
    assert (noising.direction, noising.left_out, denoising.left_out) == ("noising", 2, 0)
    assert [each["path_id"] for each in denoising.rows] == ["other"]
    (in_order, _) = leading_sections(summary(*rows), 4)
    assert [each["path_id"] for each in in_order.rows] == ["small", "missing", "down", "a+b"]
    assert leading_sections(summary(), 2) == []


def test_of_many_the_whole_hypotheses_and_the_largest_effects() -> None:
    rows = [
        row("small", 0.1),
        without_values(None, path_id="missing"),
        row("down", -3.0),
        row("up", 2.0),
        row("a+b", 0.01, unit="hypothesis"),
        row("a", 1.0, unit="cumulative"),
    ]
    ranked = [each["path_id"] for each in most_important(rows, 5)]
    assert ranked == ["a+b", "down", "up", "a", "small"]


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("path", "a+b"),
        ("hypothesis", "hypothesis"),
        ("cumulative", "cumulative a+b"),
        ("leave_one_out", "leave_one_out a+b"),
    ],
)
def test_labels_tell_units_apart(unit: str, text: str) -> None:
    assert label(row("a+b", unit=unit)) == text


def test_settings_come_from_the_table_itself() -> None:
    table = described(summary(row()), source="zero", against={"h": "rest", "rest": None})
    assert settings_of(table) == Settings(0.9, "zero", {"h": "rest"})
    assert settings_of(table).interval == "90% interval"


def test_a_table_that_says_nothing_of_its_run_is_read_all_the_same() -> None:
    bare = pa.Table.from_pylist([row()])
    assert settings_of(bare) == Settings()
    assert settings_of(bare).interval == "interval"
    assert sections_of(bare)[0].quantity == "loss"


def test_numbers_that_are_none_are_none_in_every_chunk_and_slice() -> None:
    first = pa.array([1.5, None, math.nan])
    chunks = [first, pa.array([], pa.float64()), pa.array([math.inf, -2.0, None])]
    table = pa.table({"x": pa.chunked_array(chunks)})
    assert [row["x"] for row in rows_of(table)] == [1.5, None, None, None, -2.0, None]
    assert [row["x"] for row in rows_of(table.slice(1, 4))] == [None, None, None, -2.0]
    nothing = pa.table({"x": pa.nulls(2, pa.float64())})
    assert [row["x"] for row in rows_of(nothing)] == [None, None]

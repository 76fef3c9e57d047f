"""Accepted tables against present ones, cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pathpatch_runner.errors import PublishedError
from pathpatch_runner.regress.golden import (
    differences,
    golden_table,
    read_golden,
    write_golden,
)
from regress.tables import ROWS, row

OLD = pa.Table.from_pylist(ROWS)


def compared(changes: list[dict[str, Any]], **tolerance: float) -> list[str]:
    found = pa.Table.from_pylist(changes)
    return [str(difference) for difference in differences(OLD, found, tolerance)]


def test_a_table_equals_itself_after_a_round_trip(tmp_path: Path) -> None:
    write_golden(tmp_path, golden_table([OLD]))
    golden = read_golden(tmp_path)
    assert golden is not None
    assert "run_key" not in golden.column_names
    assert differences(golden, OLD, {}) == []


def test_what_was_set_is_no_result_and_a_later_column_has_no_accepted_values() -> None:
    asked = pa.Table.from_pylist([{**each, "set.seed": "3", "q_value": 0.5} for each in ROWS])
    golden = golden_table([asked])
    assert "set.seed" not in golden.column_names
    assert differences(OLD, asked, {}) == []
    later = pa.Table.from_pylist([{**each, "q_value": 0.9} for each in ROWS])
    assert len(differences(golden, later, {})) == len(ROWS)


def test_numbers_are_compared_relative_to_their_size_but_not_below_one() -> None:
    within = [
        row("a0.h0", 3.0029),
        row("a0.h1", 1.0009),
        row("a1.h0", -5.0049),
        row("a1.h1", -0.4991),
    ]
    assert compared(within) == []
    beyond = [*within[:3], row("a1.h1", -0.4989)]
    name = "toy h path e[s=a1.h1] logit_diff noising"
    assert compared(beyond) == [f"{name}: effect_mean -0.5 -> -0.4989"]
    assert compared(beyond, effect_mean=0.01) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 5}, "n 4 -> 5"),
        ({"path": "a0.h0->m0->logits"}, "path a0.h0->logits -> a0.h0->m0->logits"),
        ({"effect_mean": None}, "effect_mean 3 -> None"),
        ({"p_value": 0.53}, "p_value 0.5 -> 0.53"),
    ],
)
def test_one_changed_cell(changes: dict[str, Any], said: str) -> None:
    assert compared([{**ROWS[0], **changes}, *ROWS[1:]]) == [
        f"toy h path e[s=a0.h0] logit_diff noising: {said}"
    ]


def test_rows_come_and_go() -> None:
    assert compared([*ROWS[1:], row("a2.h0", 0.0)]) == [
        "toy h path e[s=a0.h0] logit_diff noising: row is gone",
        "toy h path e[s=a2.h0] logit_diff noising: new row",
    ]


def test_the_worst_cell_comes_first() -> None:
    changed = [row("a0.h0", 3.01), row("a0.h1", 2.0), *ROWS[2:]]
    assert [text.rsplit(": ")[-1] for text in compared(changed)] == [
        "effect_mean 1 -> 2",
        "effect_mean 3 -> 3.01",
    ]


def test_a_broken_file_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "golden.parquet").write_text("not parquet")
    with pytest.raises(PublishedError, match="Accept the present results again"):
        read_golden(tmp_path)


def test_runs_of_different_families_go_into_one_table() -> None:
    other = pa.Table.from_pylist([{k: v for k, v in row("x", 1.0).items() if k != "over.s"}])
    table = golden_table([OLD, other])
    assert table.num_rows == 5
    assert table["over.s"].to_pylist()[-1] is None

"""How large a circuit must be, and areas under curves, in sentences and tables."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pathpatch_runner.report.areas import needed_sentence
from pathpatch_runner.report.page.areas import areas
from pathpatch_runner.report.rows import sections_of
from report.pages import Page
from report.summaries import row, summary
from report.views import view

SIZES = {"sizes": [0.01, 0.1, 1.0], "n_edges": [7, 80, 900], "metric": "loss"}


def curve(entry: str, carried: list[float | None], **more: Any) -> dict[str, Any]:
    return {
        **SIZES,
        "direction": "denoising",
        "hypothesis": "h",
        "entry": entry,
        "other": None,
        "carried": carried,
        "cpr": 0.5,
        "cmd": 0.25,
        "cpr_difference": None,
        "area_between": None,
        **more,
    }


def run(*curves: dict[str, Any]) -> Any:
    table = summary(row(direction="denoising"))
    return view(table, tables={"curves": pa.Table.from_pylist(list(curves))})


def test_the_smallest_circuit_that_carries_most_is_named_for_each_curve() -> None:
    made = run(
        curve("random", [0.0, 0.1, 1.0]),
        curve("eap", [0.5, 0.8, 1.0]),
        curve("no", [0.1, None, 0.7]),
        curve("ig", [0.5, 0.9, 1.0], n_edges=[7, 75, 900]),
    )
    (part,) = sections_of(made.tables["summary"])
    assert needed_sentence(made.tables["curves"], part) == (
        "80% of the total effect takes 10% of the edges (75 to 80) by `h / eap` or `h / ig`; "
        "all edges (900) by `h / random`; by `h / no` no size is enough."
    )


def test_no_curve_is_no_sentence() -> None:
    made = run(curve("no", [0.1, None, 0.7]))
    (part,) = sections_of(made.tables["summary"])
    assert needed_sentence(made.tables["curves"], part) == ""
    assert needed_sentence(None, part) == ""


def test_areas_are_a_table_with_the_largest_first_and_comparisons_below() -> None:
    compared = curve("a", [], other="h/b", cpr=None, cmd=None, cpr_difference=0.125, area_between=1)
    made = run(curve("a", [], cpr=0.25), curve("b", [], cpr=0.75), compared)
    (part,) = sections_of(made.tables["summary"])
    said = " ".join(Page.of(areas(made, part)).text.split())
    assert "circuits CPR CMD h / b 0.750 0.250 h / a 0.250 0.250" in said
    assert "h / a - h / b 0.125 1.000" in said


def test_without_curves_there_is_nothing() -> None:
    made = view(summary(row()))
    assert areas(made, made.sections[0]) == ""

"""Areas under curves over sizes, as tables below their picture: each curve, then each two."""

from __future__ import annotations

from pathpatch_runner.report.areas import area_name, area_text, curve_rows, has_area
from pathpatch_runner.report.page.markup import details, name, table, text
from pathpatch_runner.report.rows import Row, Section
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import number

MEANING = (
    "CPR is the area under the curve (1: everything at every size; more: the circuit overshoots), "
    "CMD the area between the curve and 100% (0 is best)."
)
OPEN_PAIRS = 3
"""Comparisons up to which they are shown without being asked for."""


def areas(view: RunView, part: Section) -> str:
    """Both tables; "" for a run without curves, or whose shares are withheld."""
    rows = curve_rows(view.table("curves"), part)
    alone = [row for row in rows if has_area(row, "cpr")]
    compared = [row for row in rows if has_area(row, "cpr_difference")]
    if not alone:
        return ""
    said = f'<p class="soft">{text(MEANING)}</p>{_alone(alone)}'
    if not compared:
        return said
    each = _compared(compared)
    title = f"Every two curves compared, over the same pairs ({len(compared)})"
    return said + (each if len(compared) <= OPEN_PAIRS else details(title, each))


def _alone(rows: list[Row]) -> str:
    ranked = sorted(rows, key=lambda row: -row["cpr"])
    reference = any(has_area(row, "auroc") for row in rows)
    lines = [
        [
            name(area_name(row)),
            text(area_text(row, "cpr")),
            text(area_text(row, "cmd")),
            *([text(number(row.get("auroc")))] if reference else []),
        ]
        for row in ranked
    ]
    titles = ["circuits", "CPR", "CMD", *(["AUROC"] if reference else [])]
    return table(titles, lines, numeric=range(1, len(titles)))


def _compared(rows: list[Row]) -> str:
    lines = [
        [
            f"{name(area_name(row))} - {name(str(row['other']).replace('/', ' / ', 1))}",
            text(area_text(row, "cpr_difference")),
            text(area_text(row, "area_between")),
        ]
        for row in rows
    ]
    return table(["curves", "CPR, difference", "area between"], lines, numeric=(1, 2))

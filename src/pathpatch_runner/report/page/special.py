"""Results of their own kind: paired contrasts and Shapley values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pathpatch_runner.report.figures import differences, interactions, shapley_values
from pathpatch_runner.report.figures.forest import Line
from pathpatch_runner.report.page.markup import figure, text
from pathpatch_runner.report.rows import SIGNIFICANT, Section, rows_of
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import MISSING, interval, number, probability

SHAPLEY = (
    "Shapley values of {}: what an entry adds, averaged over the orders in which the entries may "
    "come. They add up to the effect of all together."
)
INTERACTIONS = (
    "Interactions: what two entries do together beyond what each does. Orange: they strengthen "
    "each other; blue: one can stand in for the other."
)


def special_results(view: RunView, part: Section) -> list[str]:
    """Pictures of the tables that only some runs have."""
    return [*_contrasts(view, part), *_shapley(view, part)]


def _of(view: RunView, name: str, part: Section, *needs: str) -> list[Mapping[str, Any]]:
    """The table's rows of this metric and direction; none where it lacks a column."""
    table = view.table(name)
    if table is None or not set(needs) <= set(table.column_names):
        return []
    return [
        row
        for row in rows_of(table)
        if row.get("metric") == part.metric and row.get("direction") in (None, part.direction)
    ]


def _contrasts(view: RunView, part: Section) -> list[str]:
    """Differences of what is explained, or of effects: in noising, and where shares are
    withheld."""
    rows = _of(view, "contrasts", part, "contrast")
    shares = [_difference(row, "pe_difference", "pe_p_value", 100.0) for row in rows]
    if not part.withheld and part.direction == "denoising" and any(shares):
        title = f"difference of the proportion explained of {part.metric} (points)"
        known = [line for line in shares if line is not None]
        return [figure(differences(title, known), "Paired over pairs.")]
    effects = [_difference(row, "difference", "p_value", 1.0) for row in rows]
    known = [line for line in effects if line is not None]
    title = f"difference of effects on {part.quantity}"
    return [figure(differences(title, known), "Paired over pairs.")] if known else []


def _difference(row: Mapping[str, Any], column: str, chance: str, factor: float) -> Line | None:
    """None where the row has no such difference."""
    found = [row.get(f"{column}{end}") for end in ("", "_ci_low", "_ci_high")]
    value, low, high = (None if each is None else factor * each for each in found)
    if value is None:
        return None
    form = number if factor == 1.0 else "{:.1f}".format
    bounds = interval(low, high, form)
    p = row.get(chance)
    said = form(value) + ("" if bounds == MISSING else f" {bounds}")
    said += "" if p is None else f", p {probability(p)}"
    name = str(row["contrast"])
    if row.get("left") and row.get("right"):
        name += f": {row['left']} - {row['right']}"
    return Line(name, value, low, high, said, p is not None and p < SIGNIFICANT)


def _shapley(view: RunView, part: Section) -> list[str]:
    rows = _of(view, "shapley", part, "hypothesis", "entry", "value")
    single = [row for row in rows if row.get("other") is None]
    pairs = {(r["entry"], r["other"]): r["value"] for r in rows if r.get("other") is not None}
    pictures = []
    for hypothesis in dict.fromkeys(row["hypothesis"] for row in single):
        own = [row for row in single if row["hypothesis"] == hypothesis]
        lines = [_value(row) for row in own if row["value"] is not None]
        pictures.append(figure(shapley_values(lines, part.unit), text(SHAPLEY.format(hypothesis))))
    if pairs:
        pictures.append(figure(interactions(pairs, part.unit, part.total), INTERACTIONS))
    return pictures


def _value(row: Mapping[str, Any]) -> Line:
    low, high = row.get("value_ci_low"), row.get("value_ci_high")
    bounds = interval(low, high)
    said = number(row["value"]) + ("" if bounds == MISSING else f" {bounds}")
    return Line(str(row["entry"]), row["value"], low, high, said, True)

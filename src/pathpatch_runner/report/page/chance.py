"""Could it be chance, or would any paths have done? Many tests at once, and matched controls."""

from __future__ import annotations

from collections.abc import Sequence

from pathpatch_runner.report.page.markup import name, table, text
from pathpatch_runner.report.rows import (
    SIGNIFICANT,
    Row,
    Section,
    full_name,
    is_significant,
    most_important,
    rows_of,
)
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import counted, interval, number, probability

MOST_CONTROLLED = 40
"""Units whose controls are shown; controls.parquet has all."""
MAX_T = "p_max_t"


def comparisons(view: RunView) -> str:
    """How many tests, how many significant, and the least p that so few pairs can give."""
    lines = [_tests(part) for part in view.sections]
    floors = [row["p_floor"] for part in view.sections for row in part.rows if row.get("p_floor")]
    if floors:
        lines.append(_floor(max(floors), (view.manifest.get("counts") or {}).get("pairs", 0)))
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f"<h3>Multiple comparisons</h3><ul>{items}</ul>"


def _floor(floor: float, pairs: int) -> str:
    said = f"With {counted(pairs, 'pair')} no p value is below {floor:.2g}, however large an effect"
    if floor >= SIGNIFICANT:
        return f"{said}. Nothing can be significant here: bring more pairs."
    return f"{said}."


def _tests(part: Section) -> str:
    tested = [row for row in part.rows if row["p_value"] is not None]
    corrected = any(row.get("q_value") is not None for row in tested)
    found = sum(map(is_significant, tested))
    kind = "q (Benjamini-Hochberg over each family)" if corrected else "p, not corrected"
    said = f"{part.name}: {counted(len(tested), 'test')}: {found:,} with {kind} < {SIGNIFICANT:g}"
    adjusted = [row[MAX_T] for row in tested if row.get(MAX_T) is not None]
    if adjusted:
        strict = sum(p < SIGNIFICANT for p in adjusted)
        said += f", {strict:,} with max-T p < {SIGNIFICANT:g} (Westfall-Young over each family)"
    expected = SIGNIFICANT * len(tested)
    return f"{said}. Uncorrected, {expected:.3g} would be expected by chance alone."


def controls(view: RunView) -> str:
    """Where every unit lies among matched random path sets; "" where none were asked for."""
    found = view.table("controls")
    if found is None:
        return ""
    rows = list(rows_of(found))
    parts = [_controlled(part, rows) for part in view.sections]
    most = max((row["n_controls"] for row in rows), default=0)
    return (
        "<h3>Would any heads have done?</h3>"
        f"<p>Each unit beside {counted(most, 'matched random path set')}: the same paths through "
        "other heads of the same layers. p: (controls with at least as large an effect + 1) / "
        "(controls + 1).</p>" + "".join(parts)
    )


def _controlled(part: Section, rows: Sequence[Row]) -> str:
    """A sentence and a table for one metric and direction."""
    own = [r for r in rows if (r["metric"], r["direction"]) == (part.metric, part.direction)]
    compared = [row for row in own if row["n_controls"]]
    if not compared:
        return f"<p>{text(part.name)}: no unit has as many controls as were asked for.</p>"
    alone = sum(row["as_large"] == 0 for row in compared)
    shown = most_important(compared, MOST_CONTROLLED)
    lines = [
        [
            name(full_name(row)),
            number(row["effect_mean"]),
            number(row["control_mean"]),
            text(interval(row["control_min"], row["control_max"])),
            f"{row['as_large']:,} of {row['n_controls']:,}",
            text(probability(row["control_p"])),
        ]
        for row in shown
    ]
    titles = ["unit", "effect", "controls' mean", "least and largest", "as large", "p"]
    left = len(compared) - len(shown)
    more = f'<p class="soft">and {left:,} more in controls.parquet</p>' if left else ""
    without = len(own) - len(compared)
    few = f" {counted(without, 'unit')} without as many controls as asked for." if without else ""
    said = f"of {counted(len(compared), 'unit')}, {alone:,} above all controls."
    known = table(titles, lines, numeric=(1, 2, 3, 4, 5))
    return f"<p>{text(part.name)}: {said}{few}</p>{known}{more}"

"""Results of their own kind: paired contrasts, Shapley values, the tree of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pathpatch_runner.report.drawings import found_drawing
from pathpatch_runner.report.figures import differences, interactions, shapley_values
from pathpatch_runner.report.figures.forest import Line
from pathpatch_runner.report.found_tree import Branch, branches, carries, said
from pathpatch_runner.report.page.markup import code, figure, text
from pathpatch_runner.report.rows import SIGNIFICANT, Section, rows_of
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import MISSING, interval, number, probability

MOST_BRANCHES = 300
SHAPLEY = (
    "Shapley values of {}: what an entry adds, averaged over the orders in which the entries may "
    "come. They add up to the effect of all together."
)
INTERACTIONS = (
    "Interactions: what two entries do together beyond what each does. Orange: they strengthen "
    "each other; blue: one can stand in for the other."
)
TREE = (
    "The tails of paths that passed, with the effect of everything that comes in through them; "
    "under each, what continues it backwards. {}, on the pairs that chose nothing."
)

DRAWN = (
    "What was found, on the grid of the model: layers up, heads across, MLPs (squares) last. A "
    "line is the edge that a path begins with, the wider the larger the effect of what comes in "
    "through it. Orange: for the clean behaviour; blue: against it. Right: the nodes of each "
    "layer, and the slots that paths enter through."
)


def special_results(view: RunView, part: Section) -> list[str]:
    """Pictures of the tables that only some runs have."""
    pictures = [*_contrasts(view, part), *_shapley(view, part)]
    table = view.table("found")
    if table is not None and "path" in table.column_names and part is view.sections[0]:
        drawn = found_drawing(view)
        pictures += [] if drawn is None else [figure(drawn, DRAWN, kind="grid")]
        pictures.append(search_tree(table))
    return pictures


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
    """Differences of what is explained, or where that is withheld of effects."""
    rows = _of(view, "contrasts", part, "contrast")
    shares = [_difference(row, "pe_difference", "pe_p_value", 100.0) for row in rows]
    if not part.withheld and any(shares):
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
    return Line(str(row["contrast"]), value, low, high, said, p is not None and p < SIGNIFICANT)


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


def search_tree(table: pa.Table) -> str:
    """What a search found, as nested lists that open: the tail of a path, then what continues
    it backwards."""
    trees, left = branches(table, MOST_BRANCHES)
    more = f'<p class="soft">and {left:,} more in found.parquet</p>' if left else ""
    tree = _nested(trees)
    first = next(iter(rows_of(table.slice(0, 1))), {})
    reading = f"{first.get('metric', '')}, {first.get('direction', '')}".strip(", ")
    said = f'<p class="soft">{text(TREE.format(reading))}</p>'
    return f'{said}<div class="tree" role="group" aria-label="paths found">{tree}</div>{more}'


def _nested(trees: Sequence[Branch]) -> str:
    items = []
    for branch in trees:
        effect, share = said(branch.row)
        line = f"{code(str(branch.row['path']))} <b>{text(effect)}</b>"
        if share:
            line += f' <span class="soft">{text(share)} of the total</span>'
        told = carries(branch.row)
        line += f' <span class="soft">{text(told)}</span>' if told else ""
        inner = _nested(branch.children)
        items.append(
            f"<li><details open><summary>{line}</summary>{inner}</details></li>"
            if inner
            else f"<li>{line}</li>"
        )
    return f"<ul>{''.join(items)}</ul>" if items else ""

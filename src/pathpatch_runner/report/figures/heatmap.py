"""Effects on a grid: layers by heads with the MLPs beside them, nodes by nodes, nodes by
positions.

The colour says whether the paths help the clean behaviour (orange) or work against it (blue), its
depth how much, on a scale that all grids of a run share. A number in every cell can be read
without a mouse; bold with a border: significant (q below .05), where it does not round to nothing:
with many pairs it is hundreds of cells that differ from 0 by next to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.figures.nodes import (
    MLP,
    WHOLE,
    cell_of,
    column_order,
    in_order,
    is_node,
)
from pathpatch_runner.report.figures.scale import NOTHING, Scale
from pathpatch_runner.report.figures.theme import colour
from pathpatch_runner.report.rows import Row, Section, chance, is_significant, label
from pathpatch_runner.report.text import interval, number, percent, probability, visible

_STREAM = re.compile(r"r\d+")
CELL_WIDTH, CELL_HEIGHT = 38, 20
SMALL_CELL = 12
MOST_NUMBERS = 900
"""Cells up to which each has its number in it."""
MOST_LINES = 40
"""Lines, and columns, that a grid of nodes by nodes shows: those with the largest effects."""
KEY = ["orange: helps the clean behaviour, blue: works", "against it; bold: q < 0.05"]
FAINT = 0.1
"""Share of the full colour below which a border is faint too: many pairs make small effects
significant, and what matters should stand out."""


@dataclass(frozen=True)
class Grid:
    """Rows at (line, column). `lines`, `columns`: names in order, with what they are."""

    cells: Mapping[tuple[str, str], Row]
    lines: Sequence[str]
    columns: Sequence[str]
    line_title: str
    column_title: str
    left_out: int = 0


def heatmap(
    section: Section, rows: Sequence[Row], scale: Scale | None = None, *, key: bool = True
) -> Figure:
    """The bindings of one family as a grid, which depends on their variables. `rows`: at least
    one, all binding the same variables. `scale`: shared with other grids; `key`: say what
    the colours mean."""
    known = [row for row in rows if row["effect_mean"] is not None]
    grid = grid_of(known or rows)
    sizes = [abs(row["effect_mean"]) for row in known]
    scale = scale or Scale.of(max(sizes, default=0.0))
    values = [_cell(section, row, at, scale) for at, row in grid.cells.items()]
    numbers = len(values) <= MOST_NUMBERS
    spec = _spec(section, grid, values, scale, numbers)
    if key:
        spec["title"]["subtitle"] = KEY
    return Figure(_about(section, rows, grid), spec)


def grid_of(rows: Sequence[Row]) -> Grid:
    """Layer by head for one variable over nodes; line and column variables otherwise."""
    variables = _variables(rows)
    if len(variables) == 1 and all(is_node(row[f"over.{variables[0]}"]) for row in rows):
        return _layers(rows, f"over.{variables[0]}")
    if len(variables) == 1:
        name = f"over.{variables[0]}"
        cells = {("", row[name]): row for row in rows}
        return Grid(cells, [""], in_order(row[name] for row in rows), "", variables[0])
    return _crossed(rows, variables)


def _variables(rows: Sequence[Row]) -> list[str]:
    """Those that take several values, or the first."""
    names = [n for n in rows[0] if n.startswith("over.") and n.count(".") == 1]
    bound = [n for n in names if rows[0][n] is not None]
    several = [n for n in bound if len({row[n] for row in rows}) > 1]
    return [name.removeprefix("over.") for name in several or bound[:1]]


def _layers(rows: Sequence[Row], name: str) -> Grid:
    cells: dict[tuple[str, str], Row] = {}
    for row in rows:
        cell = cell_of(row[name])
        line, column = ("", row[name]) if cell is None else (str(cell.layer), cell.column)
        _keep_larger(cells, (line, column), row)
    layers = [int(line) for line, _ in cells if line]
    lines = [str(layer) for layer in range(min(layers), max(layers) + 1)] if layers else []
    outside = [""] if any(not line for line, _ in cells) else []
    inside = column_order(column for line, column in cells if line)
    columns = [*inside, *(column for line, column in cells if not line)]
    kinds = " or ".join(
        kind
        for kind, has in (
            ("head", any(column.startswith("h") for column in inside)),
            ("attention", WHOLE in inside),
            ("MLP", MLP in inside),
        )
        if has
    )
    return Grid(cells, [*outside, *lines], columns, "layer", f"{_role(name)}: {kinds}")


def _crossed(rows: Sequence[Row], variables: Sequence[str]) -> Grid:
    """The variable with the most nodes down; of further variables the largest effect."""
    names = [f"over.{name}" for name in variables]
    down, across = sorted(
        names[:2], key=lambda name: -len({row[name] for row in rows}) if _nodes(rows, name) else 1
    )
    if _nodes(rows, down) and _nodes(rows, across):
        down, across = names[0], names[1]
    cells: dict[tuple[str, str], Row] = {}
    for row in rows:
        _keep_larger(cells, (row[down], row[across]), row)
    lines = _largest(cells, 0)
    columns = _largest({at: row for at, row in cells.items() if at[0] in set(lines)}, 1)
    kept = {at: r for at, r in cells.items() if at[0] in set(lines) and at[1] in set(columns)}
    left = len(cells) - len(kept)
    titles = [
        _role(name, total)
        + (f" ({len(kept_names)} of {len(total)}: largest effects)" if left else "")
        for name, kept_names, total in (
            (down, lines, {at[0] for at in cells}),
            (across, columns, {at[1] for at in cells}),
        )
    ]
    return Grid(kept, in_order(lines), in_order(columns), titles[0], titles[1], left)


def _nodes(rows: Sequence[Row], name: str) -> bool:
    return all(is_node(row[name]) for row in rows)


def _role(name: str, values: Collection[object] = ()) -> str:
    """What a variable is: `s` and `r` are everyone's names of senders and receivers."""
    name = name.removeprefix("over.")
    if values and all(_STREAM.fullmatch(str(value)) for value in values):
        return f"residual stream {name}"
    known = {"s": "sender s", "r": "receiver r", "p": "position p", "x": "slot x"}
    return known.get(name, name)


def _keep_larger(cells: dict[tuple[str, str], Row], at: tuple[str, str], row: Row) -> None:
    there = cells.get(at)
    if there is None or abs(row["effect_mean"] or 0) > abs(there["effect_mean"] or 0):
        cells[at] = row


def _largest(cells: Mapping[tuple[str, str], Row], axis: int) -> list[str]:
    """Names on an axis, at most `MOST_LINES`: those in whose cells the largest effects are."""
    sizes: dict[str, float] = {}
    for at, row in cells.items():
        sizes[at[axis]] = max(sizes.get(at[axis], 0.0), abs(row["effect_mean"] or 0.0))
    kept = set(sorted(sizes, key=lambda name: -sizes[name])[:MOST_LINES])
    return [name for name in sizes if name in kept]


def _cell(section: Section, row: Row, at: tuple[str, str], scale: Scale) -> dict[str, Any]:
    effect = row["effect_mean"]
    share = 0.0 if effect is None else scale.share(effect)
    text = "–" if effect is None else scale.text(effect)
    return {
        "y": visible(at[0]),
        "x": visible(at[1]),
        "fill": colour("helps-cell" if section.helps(effect or 0.0) else "hurts-cell"),
        "depth": round(share, 3),
        "text": text,
        "bold": is_significant(row) and text != NOTHING,
        "tip": f"#{row['row']} {tip(section, row)}",
    }


def tip(section: Section, row: Row) -> str:
    """All of a row in a line, for those who hover over it."""
    parts = [f"{visible(label(row))}: {number(row['effect_mean'])} {section.unit}".rstrip()]
    bounds = interval(row["effect_ci_low"], row["effect_ci_high"])
    parts[0] += f" {bounds}" if bounds != "-" else ""
    if row["normalised_effect"] is not None:
        parts.append(f"{percent(row['normalised_effect'])} of the total effect")
    name = "p" if row.get("q_value") is None else "q"
    return ", ".join([*parts, f"{name} {probability(chance(row))}"])


def _about(section: Section, rows: Sequence[Row], grid: Grid) -> str:
    known = [row for row in rows if row["effect_mean"] is not None]
    largest = sorted(known, key=lambda row: -abs(row["effect_mean"]))[:3]
    said = "; ".join(f"{visible(label(row))} {number(row['effect_mean'])}" for row in largest)
    return (
        f"Heat map of the effect on {section.quantity}, {section.direction}, "
        f"{grid.line_title or 'all'} by {grid.column_title}, {len(rows):,} cells. Largest: {said}. "
        "Every number is in the table."
    )


def _spec(
    section: Section, grid: Grid, values: list[dict[str, Any]], scale: Scale, numbers: bool
) -> dict[str, Any]:
    width, height = (CELL_WIDTH, CELL_HEIGHT) if numbers else (SMALL_CELL, SMALL_CELL)
    lines, columns = (list(map(visible, names)) for names in (grid.lines, grid.columns))
    base: dict[str, Any] = {
        "x": {
            "field": "x",
            "type": "nominal",
            "scale": {"domain": columns, "padding": 0},
            "axis": {"title": grid.column_title, "orient": "top", "labelAngle": _angle(columns)},
        },
        "y": {
            "field": "y",
            "type": "nominal",
            "scale": {"domain": lines, "padding": 0},
            "axis": {"title": grid.line_title or None, "titleAngle": 0 if not lines else -90},
        },
    }
    for axis in ("x", "y"):
        base[axis]["axis"] |= {"ticks": False, "domain": False, "labelLimit": 140}
    marks = [_squares(base, numbers)]
    if numbers:
        marks.append(_numbers(base))
    return {
        "data": {"values": values},
        "width": {"step": width},
        "height": {"step": height},
        "layer": marks,
        "title": {
            "text": effect_title(section, scale),
            "fontWeight": "normal",
            "fontSize": 11,
            "subtitleFontSize": 10,
            "subtitleColor": colour("soft"),
            "frame": "bounds",
        },
    }


def effect_title(section: Section, scale: Scale) -> str:
    """ "effect on logit_diff (10⁻³ logits), noising"."""
    unit = scale.unit(section.unit)
    return f"effect on {section.metric}{f' ({unit})' if unit else ''}, {section.direction}"


def _angle(columns: Sequence[str]) -> int:
    return 0 if max(map(len, columns), default=0) <= 5 else -60


def _squares(base: Mapping[str, Any], numbers: bool) -> dict[str, Any]:
    large = f"datum.bold && datum.depth >= {FAINT}"
    border = _when({large: colour("ink"), "datum.bold": colour("soft")}, colour("line"))
    thick = _when({large: 1.2, "datum.bold": 0.8}, 0.5 if numbers else 0.2)
    return {
        "mark": {"type": "rect", "xOffset": 0, "width": {"band": 0.94}, "height": {"band": 0.9}},
        "encoding": {
            **base,
            "fill": {"field": "fill", "type": "nominal", "scale": None},
            "fillOpacity": {"field": "depth", "type": "quantitative", "scale": None},
            "stroke": border,
            "strokeWidth": thick,
            "description": {"field": "tip", "type": "nominal"},
        },
    }


def _when(cases: Mapping[str, Any], otherwise: Any) -> dict[str, Any]:
    """The value of the first test that holds."""
    conditions = [{"test": test, "value": value} for test, value in cases.items()]
    return {"condition": conditions, "value": otherwise}


def _numbers(base: Mapping[str, Any]) -> dict[str, Any]:
    dark = {"test": f"datum.bold || datum.depth > {FAINT}", "value": colour("ink")}
    weight = _when({f"datum.bold && datum.depth >= {FAINT}": 700}, 400)
    return {
        "mark": {"type": "text", "fontSize": 10, "aria": False},
        "encoding": {
            **base,
            "text": {"field": "text", "type": "nominal"},
            "fill": {"condition": dark, "value": colour("soft")},
            "fontWeight": weight,
        },
    }

"""Dots with intervals, a line for each row: shares with marks at 0 and 100%, effects, differences.

Each line has its numbers written beside it. A share is `proportion_explained` in denoising, and in
noising the share of the total effect that goes when the paths are corrupted: both are 0% for
paths without effect and 100% for paths that are everything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.figures.theme import ROOM, colour
from pathpatch_runner.report.rows import Row, Section, full_name, is_significant, most_important
from pathpatch_runner.report.text import interval, number, percent, shorten, visible

MOST_LINES = 40
WIDTH, LINE = 200, 22
MOST_CHARACTERS = 44


@dataclass(frozen=True)
class Line:
    """`low`, `high`: None where there is no interval. `text`: the numbers as they are read.
    `strong`: stands out. `row`: of the summary, -1 if none."""

    name: str
    value: float
    low: float | None
    high: float | None
    text: str
    strong: bool
    row: int = -1


def forest(
    section: Section,
    rows: Sequence[Row] | None = None,
    yardsticks: Collection[str] = (),
    named: Callable[[Row], str] = full_name,
) -> Figure:
    """Rows (all that are no binding of a family, if not said) with what they explain where that
    can be said, else with their effects. `yardsticks`: hypotheses that do not stand out, since the
    others are measured against them; `named`: what a row is called."""
    rows = most_important(section.others if rows is None else rows, MOST_LINES)
    shares = [share_line(section, row, yardsticks, named) for row in rows]
    known = [line for line in shares if line is not None]
    if known and not section.withheld:
        return _shares(section, known)
    return effects_forest(section, rows, named)


def effects_forest(
    section: Section, rows: Sequence[Row], named: Callable[[Row], str] = full_name
) -> Figure:
    """Mean effects in the metric's unit."""
    lines = [_effect_line(row, named) for row in rows if row["effect_mean"] is not None]
    title = f"effect on {section.quantity}"
    marks = {"0": 0.0}
    if section.total is not None and not section.withheld:
        marks["total effect"] = section.total
    about = _about(f"Mean {title}, {section.direction}", lines)
    return Figure(about, _spec(lines, title, marks, number_form=".4~g"))


def _shares(section: Section, lines: Sequence[Line]) -> Figure:
    title = share_title(section)
    said = f"{title[0].upper()}{title[1:]}, {section.metric}, {section.direction}"
    marks = {"0%": 0.0, "100%": 1.0}
    return Figure(_about(said, lines), _spec(lines, title, marks, number_form=".0%"))


def share_title(section: Section) -> str:
    """What the share of a section is called, with its definition."""
    if section.direction == "noising":
        return f"share of the total effect on {section.metric} (%)"
    return f"proportion explained of {section.metric}: 1 − AUE / ATE (%)"


def share_of(section: Section, row: Row) -> tuple[float | None, float | None, float | None]:
    """(share, low, high): what a row explains (denoising) or takes away (noising)."""
    if section.direction != "noising":
        return row["proportion_explained"], row["pe_ci_low"], row["pe_ci_high"]
    low, high = row.get("normalised_ci_low"), row.get("normalised_ci_high")
    total = section.total
    if (low is None or high is None) and total and row["normalised_effect"] is not None:
        low, high = row["effect_ci_low"], row["effect_ci_high"]
        if low is not None and high is not None:
            low, high = sorted((low / total, high / total))
    return row["normalised_effect"], low, high


def share_line(
    section: Section,
    row: Row,
    yardsticks: Collection[str] = (),
    named: Callable[[Row], str] = full_name,
) -> Line | None:
    """None where the row has no share."""
    value, low, high = share_of(section, row)
    if value is None:
        return None
    bounds = interval(low, high, lambda share: f"{100 * share:.1f}")
    text = percent(value) if bounds == "-" else f"{percent(value)} {bounds}"
    strong = row["unit"] == "hypothesis" and row["hypothesis"] not in yardsticks
    return Line(named(row), value, low, high, text, strong, row.get("row", -1))


def _effect_line(row: Row, named: Callable[[Row], str]) -> Line:
    low, high = row["effect_ci_low"], row["effect_ci_high"]
    bounds = interval(low, high)
    text = number(row["effect_mean"]) + ("" if bounds == "-" else f" {bounds}")
    strong = is_significant(row)
    return Line(named(row), row["effect_mean"], low, high, text, strong, row.get("row", -1))


def differences(title: str, lines: Sequence[Line], form: str = ".4~g") -> Figure:
    """Contrasts: each a difference with its interval, and a mark at no difference."""
    return Figure(_about(f"Differences: {title}", lines), _spec(lines, title, {"0": 0.0}, form))


def _about(what: str, lines: Sequence[Line]) -> str:
    said = "; ".join(f"{visible(line.name)} {line.text}" for line in lines[:8])
    more = f"; and {len(lines) - 8} more" if len(lines) > 8 else ""
    return f"{what}: {said}{more}."


def _spec(
    lines: Sequence[Line], title: str, marks: Mapping[str, float], number_form: str
) -> dict[str, Any]:
    values = [_value(index, line) for index, line in enumerate(lines)]
    x = {"type": "quantitative", "scale": {"domain": _domain(lines, marks), "nice": False}}
    axis = {"title": title, "format": number_form, "tickCount": 6, "domain": False}
    y = {"field": "y", "type": "ordinal", "axis": None, "scale": {"padding": 0}}
    ruled = {"data": {"values": [{"x": at, "t": text} for text, at in marks.items()]}}
    layer = [
        {**ruled, "mark": _mark("rule"), "encoding": {"x": {**x, "field": "x"}, **_dash()}},
        {**ruled, **_mark_names(x)},
        _intervals(x | {"axis": axis}, y),
        _dots(x | {"axis": axis}, y),
        _beside(y, "name", -10, "right", 1.0),
        _beside(y, "text", WIDTH + 10, "left", 0.85),
    ]
    widest = {
        key: max((len(str(value[key])) for value in values), default=0) for key in ("name", "text")
    }
    size = {
        "width": WIDTH,
        "height": {"step": LINE},
        "padding": {
            "left": 5 + ROOM * widest["name"],
            "right": 5 + ROOM * widest["text"],
            "top": 5,
            "bottom": 5,
        },
    }
    return {"data": {"values": values}, **size, "layer": layer}


def _value(index: int, line: Line) -> dict[str, Any]:
    return {
        "y": index,
        "name": shorten(visible(line.name), MOST_CHARACTERS),
        "v": line.value,
        "low": line.low,
        "high": line.high,
        "text": line.text,
        "strong": line.strong,
        "tip": f"{f'#{line.row} ' if line.row >= 0 else ''}{visible(line.name)}: {line.text}",
    }


def _domain(lines: Sequence[Line], marks: Mapping[str, float]) -> list[float]:
    """Every dot, interval and mark, with a little room."""
    bounds = [b for line in lines for b in (line.value, line.low, line.high) if b is not None]
    values = [*bounds, *marks.values()]
    low, high = min(values), max(values)
    room = 0.03 * (high - low or 1.0)
    return [low - room, high + room]


def _mark(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "aria": False, **more}


def _dash() -> dict[str, Any]:
    return {"stroke": {"value": colour("soft")}, "strokeDash": {"value": [3, 3]}}


def _mark_names(x: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "mark": _mark("text", dy=-8, baseline="bottom", fontSize=10, y=0),
        "encoding": {
            "x": {**x, "field": "x"},
            "text": {"field": "t"},
            "fill": {"value": colour("soft")},
        },
    }


def _strong(yes: str, no: str) -> dict[str, Any]:
    return {"condition": {"test": "datum.strong", "value": colour(yes)}, "value": colour(no)}


def _intervals(x: Mapping[str, Any], y: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "transform": [{"filter": "datum.low !== null && datum.high !== null"}],
        "mark": _mark("rule", strokeWidth=2),
        "encoding": {
            "x": {**x, "field": "low"},
            "x2": {"field": "high"},
            "y": y,
            "stroke": _strong("helps", "hurts"),
        },
    }


def _dots(x: Mapping[str, Any], y: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
        "encoding": {
            "x": {**x, "field": "v"},
            "y": y,
            "fill": _strong("helps", "hurts"),
            "description": {"field": "tip", "type": "nominal"},
        },
    }


def _beside(y: Mapping[str, Any], name: str, at: float, align: str, shade: float) -> dict[str, Any]:
    weight = {"condition": {"test": "datum.strong", "value": 600}, "value": 400}
    return {
        "mark": _mark("text", align=align, x=at, opacity=shade),
        "encoding": {
            "y": y,
            "text": {"field": name, "type": "nominal"},
            "fill": {"value": colour("ink")},
            **({"fontWeight": weight} if name == "name" else {}),
        },
    }

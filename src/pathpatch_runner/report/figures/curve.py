"""A value against a size, a layer, a position or a swept key: lines, with bands or intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.figures.marks import dots, intervals, told_apart
from pathpatch_runner.report.figures.theme import colour
from pathpatch_runner.report.text import number, visible

WIDTH, HEIGHT = 300, 200
MOST_NAMED = 12


@dataclass(frozen=True)
class Series:
    """One line. `points`: (x, y, low, high), the last two None where there is no interval; x is
    a number on an axis of numbers, else a name."""

    name: str
    points: Sequence[tuple[Any, float, float | None, float | None]]


@dataclass(frozen=True)
class Axes:
    """Titles with units. `marks`: horizontal lines by name. `logarithmic`: of x; it has
    a number at each point then, and where there are few. `order`: names on an axis of names.
    `form`, `x_form`: of the numbers of y and x, as d3 spells it: ".0%" for shares."""

    x: str
    y: str
    marks: Mapping[str, float] = field(default_factory=dict)
    logarithmic: bool = False
    order: Sequence[str] = ()
    form: str = ".4~g"
    x_form: str = ".4~g"


def curve(series: Sequence[Series], axes: Axes) -> Figure:
    """Lines in colours that can be told apart, each named."""
    series = [each for each in series if each.points]
    numeric = all(isinstance(p[0], int | float) for each in series for p in each.points)
    values = [
        {
            "s": visible(each.name),
            "x": x if numeric else visible(str(x)),
            "y": y,
            "low": low,
            "high": high,
            "tip": f"{visible(each.name)}, {visible(str(x))}: {number(y)}",
        }
        for each in series
        for x, y, low, high in each.points
        if y is not None
    ]
    said = "; ".join(_ends(each) for each in series[:8])
    return Figure(f"{axes.y} against {axes.x}. {said}.", _spec(series, values, axes, numeric))


def _ends(each: Series) -> str:
    first, last = each.points[0], each.points[-1]
    return (
        f"{visible(each.name)}: {number(first[1])} at {first[0]} to {number(last[1])} at {last[0]}"
    )


def _spec(
    series: Sequence[Series], values: list[dict[str, Any]], axes: Axes, numeric: bool
) -> dict[str, Any]:
    names = [visible(each.name) for each in series]
    at_points = sorted({value["x"] for value in values}) if numeric else []
    if not axes.logarithmic and len(at_points) > MOST_NAMED:
        at_points = []
    x = _x(axes, numeric, at_points)
    y: dict[str, Any] = {"type": "quantitative", "axis": {"title": axes.y, "format": axes.form}}
    y["axis"] |= {"tickCount": 6, "domain": False}
    looks = told_apart("s", names, None if len(names) == 1 else _legend())
    shade = {"color": looks["color"]}
    at = {"x": x, "y": {**y, "field": "y"}}
    bounds = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    layer = [
        *_ruled(axes.marks, y),
        intervals({**bounds, **shade}, opacity=0.7),
        {
            "mark": {"type": "line", "aria": False, "strokeWidth": 2},
            "encoding": {**at, **shade},
        },
        dots({**at, **looks}, size=50),
    ]
    return {"data": {"values": values}, "width": WIDTH, "height": HEIGHT, "layer": layer}


def _x(axes: Axes, numeric: bool, ticks: Sequence[float]) -> dict[str, Any]:
    """`ticks`: where numbers stand, as Vega chooses if there are none."""
    x: dict[str, Any] = {"field": "x", "axis": {"title": axes.x, "grid": False, "labelAngle": 0}}
    if numeric:
        kind = "log" if axes.logarithmic else "linear"
        scale = {"type": kind, "zero": False, "nice": False}
        x["axis"] |= {"labelOverlap": "greedy", "labelSeparation": 5, "labelFlush": False}
        x["axis"] |= {"format": axes.x_form}
        if ticks:
            x["axis"]["values"] = ticks
        return x | {"type": "quantitative", "scale": scale}
    order = [visible(name) for name in axes.order] or None
    return x | {"type": "ordinal", "sort": order, "scale": {"padding": 0.5}}


def _legend() -> dict[str, Any]:
    return {"title": None, "orient": "bottom", "columns": 2, "labelLimit": 200, "symbolOpacity": 1}


def _ruled(marks: Mapping[str, float], y: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = {"data": {"values": [{"y": at, "t": text} for text, at in marks.items()]}}
    if not marks:
        return []
    place = {"y": {**y, "field": "y"}}
    return [
        {
            **data,
            "mark": {"type": "rule", "aria": False, "strokeDash": [3, 3]},
            "encoding": {**place, "stroke": {"value": colour("soft")}},
        },
        {
            **data,
            "mark": {
                "type": "text",
                "aria": False,
                "align": "left",
                "x": WIDTH + 8,
                "fontSize": 10,
            },
            "encoding": {
                **place,
                "text": {"field": "t"},
                "fill": {"value": colour("soft")},
            },
        },
    ]

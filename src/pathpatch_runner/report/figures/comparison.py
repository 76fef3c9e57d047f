"""Several ways to ask the same of the same things: a line a thing, a colour a way, a panel a
question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.figures.marks import dots, intervals, told_apart
from pathpatch_runner.report.figures.theme import colour
from pathpatch_runner.report.text import interval, number, visible

WIDTH, LINE = 250, 26


@dataclass(frozen=True)
class Mark:
    """A dot: `thing` by `way`, with its interval."""

    thing: str
    way: str
    value: float
    low: float | None = None
    high: float | None = None


def comparison(panels: Mapping[str, Sequence[Mark]], title: str) -> Figure:
    """`panels`: by the title of each; `title`: of the axis of values, with its unit."""
    marks = [mark for each in panels.values() for mark in each]
    things = list(dict.fromkeys(visible(mark.thing) for mark in marks))
    ways = list(dict.fromkeys(visible(mark.way) for mark in marks))
    drawn = [
        _panel(said, each, things, ways, title, first=place == 0)
        for place, (said, each) in enumerate(panels.items())
    ]
    about = f"{title} of {len(things)} things, asked in {len(ways)} ways: {', '.join(ways)}. "
    spec = {"hconcat": drawn, "spacing": 24, "resolve": {"scale": {"x": "shared"}}}
    return Figure(about + f"Panels: {', '.join(panels)}.", spec)


def _panel(
    said: str, marks: Sequence[Mark], things: list[str], ways: list[str], title: str, *, first: bool
) -> dict[str, Any]:
    x = {"type": "quantitative", "axis": {"title": title, "tickCount": 5, "domain": False}}
    lines = _lines(things, ways, named=first)
    looks = told_apart("way", ways, {"title": None, "orient": "top"})
    bounds = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": looks["color"]}
    zero = {
        "data": {"values": [{"x": 0}]},
        "mark": {"type": "rule", "aria": False},
        "encoding": {"x": {**x, "field": "x"}, "stroke": {"value": colour("soft")}},
    }
    return {
        "title": {"text": visible(said), "frame": "group"},
        "data": {"values": [_value(mark) for mark in marks]},
        "width": WIDTH,
        "height": {"step": LINE, "for": "position"},
        "layer": [
            zero,
            intervals({**lines, **bounds}),
            dots({**lines, "x": {**x, "field": "value"}, **looks}, size=32),
        ],
    }


def _lines(things: list[str], ways: list[str], *, named: bool) -> dict[str, Any]:
    """A line for each thing, in it one above the other what each way says."""
    axis = {"title": None, "ticks": False, "domain": False, "grid": True, "tickBand": "extent"}
    return {
        "y": {
            "field": "thing",
            "type": "nominal",
            # A blank label, and not none: titles of panels stand on one height then.
            "axis": axis if named else {**axis, "labelExpr": "' '"},
            "scale": {"domain": things, "padding": 0.15},
        },
        "yOffset": {"field": "way", "type": "nominal", "scale": {"domain": ways}},
    }


def _value(mark: Mark) -> dict[str, Any]:
    bounds = interval(mark.low, mark.high)
    return {
        "thing": visible(mark.thing),
        "way": visible(mark.way),
        "value": mark.value,
        "low": mark.low,
        "high": mark.high,
        "tip": f"{visible(mark.thing)}, {visible(mark.way)}: {number(mark.value)} {bounds}",
    }

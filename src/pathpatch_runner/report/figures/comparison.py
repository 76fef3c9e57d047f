"""Several ways to ask the same of the same things: a line a thing, a colour a way, a panel a
question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.figures.theme import SERIES, colour
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
    return Figure(about + f"Panels: {', '.join(panels)}.", {"hconcat": drawn, "spacing": 24})


def _panel(
    said: str,
    marks: Sequence[Mark],
    things: Sequence[str],
    ways: Sequence[str],
    title: str,
    *,
    first: bool,
) -> dict[str, Any]:
    x = {"type": "quantitative", "axis": {"title": title, "tickCount": 5, "domain": False}}
    base = _lines(things, ways, labels=first)
    shades = {
        "field": "way",
        "type": "nominal",
        "scale": {"domain": list(ways), "range": [colour(name) for name in SERIES]},
        "legend": {"title": None, "orient": "top"},
    }
    bars = {
        "transform": [{"filter": "datum.low !== null && datum.high !== null"}],
        "mark": {"type": "rule", "aria": False, "strokeWidth": 1.5},
        "encoding": {
            **base,
            "x": {**x, "field": "low"},
            "x2": {"field": "high"},
            "color": shades,
        },
    }
    zero = {
        "data": {"values": [{"x": 0}]},
        "mark": {"type": "rule", "aria": False},
        "encoding": {"x": {**x, "field": "x"}, "stroke": {"value": colour("soft")}},
    }
    return {
        "title": visible(said),
        "data": {"values": [_value(mark) for mark in marks]},
        "width": WIDTH,
        "height": {"step": LINE, "for": "position"},
        "layer": [zero, bars, _dots(x, base, shades, ways)],
    }


def _lines(things: Sequence[str], ways: Sequence[str], *, labels: bool) -> dict[str, Any]:
    """A line for each thing, the ways beside each other on it."""
    axis = {"title": None, "ticks": False, "domain": False, "labels": labels, "grid": True}
    y = {
        "field": "thing",
        "type": "nominal",
        "axis": {**axis, "tickBand": "extent"},
        "scale": {"domain": list(things), "padding": 0.15},
    }
    return {"y": y, "yOffset": {"field": "way", "type": "nominal", "scale": {"domain": list(ways)}}}


def _dots(
    x: Mapping[str, Any], base: Mapping[str, Any], shades: Mapping[str, Any], ways: Sequence[str]
) -> dict[str, Any]:
    return {
        "mark": {"type": "point", "filled": True, "size": 32, "opacity": 1},
        "encoding": {
            **base,
            "x": {**x, "field": "value"},
            "color": shades,
            "shape": {**shades, "scale": {"domain": list(ways)}},
            "description": {"field": "tip", "type": "nominal"},
        },
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

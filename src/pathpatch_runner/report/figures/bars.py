"""Shapley values as bars with intervals; pairwise interactions as a matrix beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.figures.forest import Line, differences
from pathpatch_runner.report.figures.scale import Scale
from pathpatch_runner.report.figures.theme import colour
from pathpatch_runner.report.text import number, visible

CELL = 46


def shapley_values(lines: Sequence[Line], unit: str) -> Figure:
    """Each entry's fair share of the whole hypothesis' effect."""
    return differences(f"Shapley value ({unit})" if unit else "Shapley value", lines)


def interactions(
    values: Mapping[tuple[str, str], float], unit: str, total: float | None = None
) -> Figure:
    """What two entries do together beyond what each does. `values`: for each unordered pair once.
    Orange: of the sign of the `total` effect, so that they strengthen each other; blue: of the
    other sign, so that one can stand in for the other."""
    sign = -1.0 if total is not None and total < 0 else 1.0
    names = list(dict.fromkeys(name for pair in values for name in pair))
    scale = Scale.of(max(map(abs, values.values()), default=0.0))
    cells = [_cell(a, b, value, scale, sign) for (a, b), value in values.items()]
    cells += [_cell(b, a, value, scale, sign) for (a, b), value in values.items()]
    said = "; ".join(f"{visible(a)} with {visible(b)} {number(v)}" for (a, b), v in values.items())
    title = f"interaction ({scale.unit(unit)})" if scale.unit(unit) else "interaction"
    return Figure(
        f"Interactions of entries: {said}.", _spec(cells, list(map(visible, names)), title)
    )


def _cell(line: str, column: str, value: float, scale: Scale, sign: float) -> dict[str, Any]:
    return {
        "y": visible(line),
        "x": visible(column),
        "fill": colour("helps-cell" if value * sign >= 0 else "hurts-cell"),
        "depth": round(scale.share(value), 3),
        "text": scale.text(value),
        "tip": f"{visible(line)} with {visible(column)}: {number(value)}",
    }


def _spec(cells: list[dict[str, Any]], names: list[str], title: str) -> dict[str, Any]:
    axis = {"title": None, "ticks": False, "domain": False, "labelLimit": 140}
    at = {"type": "nominal", "scale": {"domain": names}}
    base = {
        "x": {**at, "field": "x", "axis": {**axis, "orient": "top", "labelAngle": -40}},
        "y": {**at, "field": "y", "axis": axis},
    }
    squares = {
        "mark": {"type": "rect", "stroke": colour("line")},
        "encoding": {
            **base,
            "fill": {"field": "fill", "type": "nominal", "scale": None},
            "fillOpacity": {"field": "depth", "type": "quantitative", "scale": None},
            "description": {"field": "tip", "type": "nominal"},
        },
    }
    numbers = {
        "mark": {"type": "text", "aria": False},
        "encoding": {**base, "text": {"field": "text", "type": "nominal"}},
    }
    return {
        "data": {"values": cells},
        "width": {"step": CELL},
        "height": {"step": 24},
        "layer": [squares, numbers],
        "title": {"text": title, "fontWeight": "normal", "fontSize": 11, "frame": "bounds"},
    }

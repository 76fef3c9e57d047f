"""Layers of a Vega-Lite figure that several figures share: things told apart by colour and shape,
intervals, dots, lines that mark a value.

`low` and `high` are fields of the data, null where there is no interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pathpatch_runner.report.figures.theme import SERIES, colour

Encoding = dict[str, Any]


def told_apart(field: str, names: Sequence[str], legend: Mapping[str, Any] | None) -> Encoding:
    """`color` and `shape` of each of `names`, values of `field`."""
    base = {"field": field, "type": "nominal", "legend": legend}
    shades = [colour(name) for name in SERIES]
    return {
        "color": {**base, "scale": {"domain": list(names), "range": shades}},
        "shape": {**base, "scale": {"domain": list(names)}},
    }


def intervals(encoding: Encoding, **mark: Any) -> dict[str, Any]:
    """A line from `low` to `high`; `encoding` says which of x and y they are."""
    return {
        "transform": [{"filter": "datum.low !== null && datum.high !== null"}],
        "mark": {"type": "rule", "aria": False, "strokeWidth": 1.5, **mark},
        "encoding": encoding,
    }


def dots(encoding: Encoding, size: int) -> dict[str, Any]:
    """A dot each, with its numbers (field `tip`) for who points at it or has it read."""
    return {
        "mark": {"type": "point", "filled": True, "size": size, "opacity": 1},
        "encoding": {**encoding, "description": {"field": "tip", "type": "nominal"}},
    }

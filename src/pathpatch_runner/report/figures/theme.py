"""Colours and the look of every figure, for a page, for paper, and for a file on any page.

A figure is drawn once, with *colour names* in place of colours (`var(--ink)`). A report's page
gives the names their values, so that a figure follows its light and dark scheme; a file gets
them from `on_paper` (light, for PDF and PNG) or `on_any_page` (SVG: its own style sheet).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LIGHT = {
    "ink": "#1d2327",
    "soft": "#59636c",
    "line": "#d5dade",
    "page": "#ffffff",
    "card": "#f4f6f8",
    "helps": "#b4500b",
    "hurts": "#1f5f9f",
    "helps-cell": "#f19248",
    "hurts-cell": "#74abe6",
    "good": "#22703f",
    "bad": "#b3261e",
    "third": "#7a3e9d",
    "fourth": "#56690f",
}
DARK = {
    "ink": "#e8ebed",
    "soft": "#a3adb5",
    "line": "#3a4249",
    "page": "#15191c",
    "card": "#1e2428",
    "helps": "#f0954f",
    "hurts": "#79b4ee",
    "helps-cell": "#a34f12",
    "hurts-cell": "#2d66a6",
    "good": "#6bc98f",
    "bad": "#f58a82",
    "third": "#c99be6",
    "fourth": "#b3c95a",
}
"""`-cell`: filled areas that text stands on; the others are for lines, dots and text."""

SERIES = ("helps", "hurts", "good", "third", "fourth", "bad", "ink", "soft")
"""Colours of lines that are told apart, in order."""

FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"
"""What vl-convert measures, so that texts take the room they were given. Where none of these is
installed texts are wider, for which `ROOM` is left."""

ROOM = 1.6
"""Pixels a letter at the border of a figure."""

_NAME = re.compile(r"var\(--([a-z-]+)\)")
_OPEN_TAG = re.compile(r"<svg([^>]*)>")


def colour(name: str) -> str:
    """The colour of that name, whatever the page makes of it."""
    return f"var(--{name})"


def variables(colours: Mapping[str, str]) -> str:
    """The names as CSS declarations."""
    return ";".join(f"--{name}:{value}" for name, value in colours.items())


def on_paper(svg: str) -> str:
    """The figure in light colours on nothing, for PDF and PNG."""
    return _NAME.sub(lambda match: LIGHT[match[1]], svg)


def on_white(svg: str) -> str:
    """A figure with a white ground, for formats whose readers show none."""
    ground = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return _OPEN_TAG.sub(lambda match: f"<svg{match[1]}>{ground}", svg, count=1)


def on_any_page(svg: str) -> str:
    """The figure with a ground of its own that is light or dark as its reader's screen is, so
    that it can be read on either page."""
    style = (
        f"<style>svg{{{variables(LIGHT)};background:var(--page)}}"
        f"@media(prefers-color-scheme:dark){{svg{{{variables(DARK)}}}}}</style>"
    )
    return _OPEN_TAG.sub(lambda match: f"<svg{match[1]}>{style}", svg, count=1)


def config() -> dict[str, Any]:
    """The `config` of every Vega-Lite figure."""
    ink, soft, line = colour("ink"), colour("soft"), colour("line")
    axis = {
        "labelColor": ink,
        "titleColor": ink,
        "tickColor": line,
        "domainColor": line,
        "gridColor": line,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "labelLimit": 320,
        "titleLimit": 1000,
    }
    return {
        "background": None,
        "font": FONT,
        "view": {"stroke": None},
        "axis": axis,
        "legend": {"labelColor": ink, "titleColor": soft, "labelFontSize": 11, "titleFontSize": 11},
        "title": {"color": ink, "fontSize": 12, "fontWeight": 600, "anchor": "start"},
        "header": {"labelColor": ink, "titleColor": ink},
        "text": {"fill": ink, "fontSize": 11},
    }

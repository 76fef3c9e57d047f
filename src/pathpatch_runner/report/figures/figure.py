"""One figure, for page, notebook and paper.

Vega-Lite draws, through vl-convert: its own renderer in a wheel, offline, the same picture as SVG,
PDF and PNG. Figures are rendered here and put into pages as SVG, not by scripts in the page:
Vega's scripts are 900 kB in every file and need `unsafe-eval`, their pictures are missing from
print and from a page without scripts, and nothing they would add is wanted that 200 lines of our
own (sorting, filtering, distributions) do not give. What Vega-Lite does not draw, path sets on
a grid of layers, is SVG of our own (`paths`).

`about` says in a sentence what a figure shows: a screen reader reads it in place of the picture.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from pathpatch_runner.errors import ConfigError, did_you_mean
from pathpatch_runner.report.figures.theme import (
    FONT,
    colour,
    config,
    on_any_page,
    on_paper,
    on_white,
)
from pathpatch_runner.report.figures.vega import VegaError, vega_svg
from pathpatch_runner.report.text import visible

log = logging.getLogger("pathpatch_runner")

FORMATS = ("pdf", "svg", "png")
PIXELS_PER_INCH = 300

_MARK = re.compile(
    r'<(path|text) aria-label="(?:#(\d+) )?([^"]*)" role="graphics-symbol" '
    r'aria-roledescription="[^"]*"([^>]*?)(/?)>'
)
"""A mark that says something: its row, if it is one of a summary, its numbers, its shape."""

_ARIA = re.compile(r' (?:aria-[\w-]+|role|class|pointer-events|stroke-miterlimit)="[^"]*"')
_EMPTY = re.compile(r'<path[^>]* d=""[^>]*/>|<path d="M0,0h0v0h0Z"/>')
_ATTRIBUTE = re.compile(r'="[^"<>]*\.\d{3}[^"<>]*"')
_LONG = re.compile(r"(\.\d{2})\d+")
_USUAL = re.compile(r' (?:font-family="[^"]*"|font-weight="normal"|opacity="1")')
"""What every text of a figure says again."""
_OPEN = re.compile(r'<svg [^>]*?(width="[\d.]+" height="[\d.]+" viewBox="[^"]*")>')


@dataclass(frozen=True)
class Figure:
    """`spec`: Vega-Lite, its colours by name, without `config`; or `drawn`: finished SVG."""

    about: str
    spec: Mapping[str, Any] | None = field(default=None, repr=False)
    drawn: str = field(default="", repr=False)

    @cached_property
    def svg(self) -> str:
        """For a page that gives the colours their values: one image to a screen reader, every
        mark with its numbers as `<title>`."""
        if self.spec is None:
            return self.drawn
        try:
            return _tidy(vega_svg(self.full_spec), self.about)
        except VegaError as error:
            log.warning("a figure could not be drawn (%s): %s", self.about, error)
            return _instead(self.about)

    @property
    def full_spec(self) -> dict[str, Any]:
        """A complete Vega-Lite specification. Its colours are names."""
        schema = "https://vega.github.io/schema/vega-lite/v5.json"
        return {"$schema": schema, "config": config(), **(self.spec or {})}

    def save(self, path: Path | str) -> Path:
        """Write to a file; its ending says the format. Raises ConfigError for another one."""
        path = Path(path)
        kind = path.suffix.removeprefix(".").lower()
        if kind not in FORMATS:
            raise ConfigError(
                f'figure: "{path.name}" does not end in a known format.'
                f"{did_you_mean(kind, FORMATS)} Allowed: {', '.join(FORMATS)}"
            )
        path.write_bytes(self.as_bytes(kind))
        return path

    def as_bytes(self, kind: str) -> bytes:
        """The figure in one of `FORMATS`."""
        if kind == "svg":
            return on_any_page(self.svg).encode()
        import vl_convert

        paper = on_paper(self.svg)
        if kind == "pdf":
            return bytes(vl_convert.svg_to_pdf(paper))
        return bytes(vl_convert.svg_to_png(on_white(paper), ppi=PIXELS_PER_INCH))

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return on_any_page(self.svg)


def _tidy(svg: str, about: str) -> str:
    """Marks lose what only a screen reader of single marks would want and get a `<title>`;
    numbers of ten digits get two decimals."""
    svg = _MARK.sub(_titled, svg)
    svg = _EMPTY.sub("", _ARIA.sub("", svg))
    svg = _ATTRIBUTE.sub(lambda match: _LONG.sub(r"\1", match[0]), svg)
    svg = _USUAL.sub("", svg)
    label = _opening(about) + f'font-family="{FONT}" '
    return _OPEN.sub(lambda match: f"{label}{match[1]}>", svg, count=1)


def _opening(about: str) -> str:
    """One image to a screen reader."""
    said = escape(visible(about))
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{said}" '


def _instead(about: str) -> str:
    """A picture that says that there is none."""
    return (
        f'{_opening(about)}width="340" height="40" viewBox="0 0 340 40">'
        f'<text x="4" y="24" fill="{colour("bad")}" font-size="13px">'
        "This figure could not be drawn; see run.log.</text></svg>"
    )


def _titled(match: re.Match[str]) -> str:
    tag, row, text, rest, end = match.groups()
    place = f' data-row="{row}"' if row else ""
    return f"<{tag}{place}{rest}><title>{text}</title>{f'</{tag}>' if end else ''}"

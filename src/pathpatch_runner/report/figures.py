"""SVG charts of a summary: effects with their intervals, and heads on a layer by head grid.

Charts carry no colours of their own but CSS classes and variables of the page, so that they
follow its light and dark scheme. Every mark has a `<title>`: the exact numbers on hover; every
chart an `aria-label`: what it shows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from pathpatch_runner.report.rows import Row, Section, label, most_important
from pathpatch_runner.report.text import interval, number, shorten

HEAD = re.compile(r"^a(\d+)\.h(\d+)$")
Place = tuple[int, int]
"""(layer, head)."""

MOST_DOTS = 40
WIDTH = 860
LINE_HEIGHT, TOP, BOTTOM, MARGIN = 22, 24, 44, 30
CHARACTER, MOST_CHARACTERS = 6.8, 50
"""Width of a letter of a label, on average, and how many a label has at most."""
CELL = 26


@dataclass(frozen=True)
class _Axis:
    """Values from `low` to `high` on pixels from `left` to `right`."""

    low: float
    high: float
    left: float
    right: float

    def __call__(self, value: float) -> float:
        return self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)

    def ticks(self) -> list[float]:
        """Three to eight round values: multiples of 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low) / 6
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [step * count for count in range(first, last + 1)]


def effect_chart(section: Section) -> str:
    """Dots with confidence intervals, a line for each row (the most important ones); a vertical
    line at no effect and a dashed one at the total effect."""
    shown = most_important(section.rows, MOST_DOTS)
    names = [shorten(_name(row), MOST_CHARACTERS) for row in shown]
    labels = CHARACTER * max(len(name) for name in names) + 12
    axis = _axis(shown, section.total, labels + MARGIN, WIDTH - MARGIN)
    floor = TOP + LINE_HEIGHT * len(shown)
    parts = [_tick(axis(value), floor, f"{value:.6g}") for value in axis.ticks()]
    parts.append(_vertical("axis", axis(0.0), floor))
    if section.total is not None:
        parts.append(_total(axis(section.total), axis, floor, f"total {number(section.total)}"))
    for index, (row, name) in enumerate(zip(shown, names, strict=True)):
        parts.append(_line(row, name, labels, axis, TOP + LINE_HEIGHT * index + LINE_HEIGHT // 2))
    title = f"effect on {section.quantity}"
    middle = (axis.left + axis.right) / 2
    parts.append(_text("tick", middle, floor + 36, "middle", title))
    count = f"{len(shown)} of {len(section.rows)} rows"
    about = f"Mean {title}, {section.direction}, with intervals: {count}"
    return _svg(WIDTH, floor + BOTTOM, parts, about)


def _axis(rows: Sequence[Row], total: float | None, left: float, right: float) -> _Axis:
    """Wide enough for every dot, interval, the total effect and zero."""
    keys = ("effect_mean", "effect_ci_low", "effect_ci_high")
    known = [row[key] for row in rows for key in keys if row[key] is not None]
    values = [0.0, *known, *([] if total is None else [total])]
    low, high = min(values), max(values)
    return _Axis(low, high, left, right) if high > low else _Axis(low - 1, high + 1, left, right)


def _name(row: Row) -> str:
    if row["unit"] == "hypothesis":
        return str(row["hypothesis"])
    return f"{row['hypothesis']} / {label(row)}"


def _line(row: Row, name: str, labels: float, axis: _Axis, y: int) -> str:
    """One row: its name up to `labels`, its interval and dot, all its numbers on hover."""
    low, high, effect = row["effect_ci_low"], row["effect_ci_high"], row["effect_mean"]
    tip = f"{_name(row)}: {row['path']}\neffect {number(effect)}"
    marks = ""
    if low is not None and high is not None:
        tip += f" {interval(low, high)}"
        marks += (
            f'<line class="interval" x1="{axis(low):.1f}" x2="{axis(high):.1f}" y1="{y}" y2="{y}"/>'
        )
    if effect is None:
        marks += _text("tick", axis(0.0) + 6, y + 4, "start", "no value")
    else:
        kind = "dot" if row["unit"] == "path" else "dot union"
        marks += f'<circle class="{kind}" cx="{axis(effect):.1f}" cy="{y}" r="4.5"/>'
    shown = _text("label", labels, y + 4, "end", name)
    return f"<g><title>{escape(tip)}</title>{shown}{marks}</g>"


def _tick(x: float, floor: int, value: str) -> str:
    return _vertical("guide", x, floor) + _text("tick", x, floor + 18, "middle", value)


def _total(x: float, axis: _Axis, floor: int, text: str) -> str:
    """The dashed line, its text turned inwards so that it is never cut off at the border."""
    anchor = "start" if x < (axis.left + axis.right) / 2 else "end"
    return _vertical("total", x, floor) + _text("tick", x, 12, anchor, text)


def _vertical(kind: str, x: float, floor: int) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{floor}"/>'


def head_variables(rows: Sequence[Row]) -> list[str]:
    """Columns `over.<var>` whose values are all heads."""
    names = [name for name in rows[0] if name.startswith("over.")] if rows else []
    return [n for n in names if all(r[n] is not None and HEAD.match(r[n]) for r in rows)]


def head_means(rows: Sequence[Row], variable: str) -> dict[Place, float]:
    """Mean effect by one variable's head, over all else; a row without an effect is left out."""
    effects: dict[Place, list[float]] = {}
    for row in rows:
        match = HEAD.match(row[variable])
        assert match is not None
        if row["effect_mean"] is not None:
            effects.setdefault((int(match[1]), int(match[2])), []).append(row["effect_mean"])
    return {place: sum(values) / len(values) for place, values in effects.items()}


def grid(means: Mapping[Place, float], about: str) -> str:
    """A heat map, layers down and heads across: orange above zero, blue below, opacity by size.
    `means`: at least one; `about`: what it shows."""
    largest = max(abs(value) for value in means.values()) or 1.0
    layers = range(min(layer for layer, _ in means), max(layer for layer, _ in means) + 1)
    heads = range(max(head for _, head in means) + 1)
    parts = [_text("tick", 43 + CELL * (h + 0.5), 14, "middle", f"h{h}") for h in heads]
    for line, layer in enumerate(layers):
        y = 20 + CELL * line
        parts.append(_text("tick", 36, y + 17, "end", f"a{layer}"))
        parts += [
            _cell(44 + CELL * head, y, f"a{layer}.h{head}", means[layer, head], largest)
            for head in heads
            if (layer, head) in means
        ]
    return _svg(50 + CELL * len(heads), 26 + CELL * len(layers), parts, about)


def _cell(x: int, y: int, name: str, value: float, largest: float) -> str:
    kind = "above" if value >= 0 else "below"
    return (
        f'<rect class="cell {kind}" x="{x}" y="{y}" width="{CELL - 2}" height="{CELL - 2}" '
        f'fill-opacity="{abs(value) / largest:.3f}"><title>{name}: {number(value)}</title></rect>'
    )


def _text(kind: str, x: float, y: float, anchor: str, text: str) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _svg(width: int, height: int, parts: Sequence[str], about: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(about)}">{"".join(parts)}</svg>'
    )

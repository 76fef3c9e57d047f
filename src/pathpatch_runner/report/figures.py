"""SVG charts of a summary: effects with their intervals, and heads on a layer by head grid.

Charts carry no colours of their own but CSS classes and variables of the page, so that they
follow its light and dark scheme. Every mark has a `<title>`: the exact numbers on hover.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pathpatch_runner.report.console import number

Row = Mapping[str, Any]
HEAD = re.compile(r"^a(\d+)\.h(\d+)$")
LINE_HEIGHT, LABEL_WIDTH, PLOT_WIDTH, MARGIN = 22, 330, 470, 14
CELL = 26
MOST_DOTS = 40


def effect_chart(rows: Sequence[Row]) -> str:
    """Dots with confidence intervals, one line for each row; a line at no effect and one at the
    total effect."""
    shown = list(rows)[:MOST_DOTS]
    total = _total(shown)
    values = [0.0, *([total] if total is not None else [])]
    for row in shown:
        values += [
            row[k] for k in ("effect_mean", "effect_ci_low", "effect_ci_high") if row[k] is not None
        ]
    low, high = min(values), max(values)
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return LABEL_WIDTH + MARGIN + (value - low) / span * (PLOT_WIDTH - 2 * MARGIN)

    height = LINE_HEIGHT * len(shown) + 34
    parts = [_line(x(0.0), height, "axis", "0")]
    if total is not None:
        parts.append(_line(x(total), height, "total", f"total {number(total)}"))
    for index, row in enumerate(shown):
        parts.append(_dot(row, x, LINE_HEIGHT * index + LINE_HEIGHT // 2 + 4))
    return _svg(LABEL_WIDTH + PLOT_WIDTH, height, parts)


def _total(rows: Sequence[Row]) -> float | None:
    for row in rows:
        if row["normalised_effect"]:
            return float(row["effect_mean"] / row["normalised_effect"])
    return None


def _line(x: float, height: int, name: str, label: str) -> str:
    return (
        f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 26}"/>'
        f'<text class="tick" x="{x:.1f}" y="{height - 10}" text-anchor="middle">{label}</text>'
    )


def _name(row: Row) -> str:
    if row["unit"] == "hypothesis":
        return str(row["hypothesis"])
    label = row["path_id"] if row["unit"] == "path" else f"{row['unit']} {row['path_id']}"
    return f"{row['hypothesis']} / {label}"


def _dot(row: Row, x: Any, y: int) -> str:
    name = _name(row)
    short = name if len(name) <= 52 else f"{name[:51]}…"
    tip = f"{name}: {row['path']}\neffect {number(row['effect_mean'])}"
    parts = [
        f'<text class="label" x="{LABEL_WIDTH}" y="{y + 4}" text-anchor="end">'
        f"{escape(short)}</text>"
    ]
    if row["effect_ci_low"] is not None:
        low, high = x(row["effect_ci_low"]), x(row["effect_ci_high"])
        parts.append(f'<line class="interval" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>')
        tip += f" [{number(row['effect_ci_low'])}, {number(row['effect_ci_high'])}]"
    kind = "dot" if row["unit"] == "path" else "dot whole"
    parts.append(f'<circle class="{kind}" cx="{x(row["effect_mean"]):.1f}" cy="{y}" r="4.5"/>')
    return f"<g>{''.join(parts)}<title>{escape(tip)}</title></g>"


def head_variables(rows: Sequence[Row]) -> list[str]:
    """Columns `over.<var>` whose values are all heads."""
    names = [name for name in rows[0] if name.startswith("over.")] if rows else []
    return [n for n in names if all(r[n] is not None and HEAD.match(r[n]) for r in rows)]


def head_grid(rows: Sequence[Row], variable: str) -> str:
    """Mean effect by layer (down) and head (across) of one variable's head, over all else."""
    cells: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        match = HEAD.match(row[variable])
        assert match is not None
        cells.setdefault((int(match[1]), int(match[2])), []).append(row["effect_mean"])
    means = {place: sum(values) / len(values) for place, values in cells.items()}
    return grid(means)


def grid(means: Mapping[tuple[int, int], float]) -> str:
    """A heat map: orange above zero, blue below, opacity by size."""
    largest = max((abs(value) for value in means.values()), default=0.0) or 1.0
    layers = range(min(place[0] for place in means), max(place[0] for place in means) + 1)
    heads = range(max(place[1] for place in means) + 1)
    parts = [
        f'<text class="tick" x="{44 + CELL * h + CELL // 2}" y="14" '
        f'text-anchor="middle">h{h}</text>'
        for h in heads
    ]
    for line, layer in enumerate(layers):
        y = 20 + CELL * line
        parts.append(f'<text class="tick" x="36" y="{y + 17}" text-anchor="end">a{layer}</text>')
        for head in heads:
            if (layer, head) in means:
                parts.append(
                    _cell(44 + CELL * head, y, f"a{layer}.h{head}", means[layer, head], largest)
                )
    return _svg(50 + CELL * len(heads), 26 + CELL * len(layers), parts)


def _cell(x: int, y: int, name: str, value: float, largest: float) -> str:
    kind = "above" if value >= 0 else "below"
    return (
        f'<rect class="cell {kind}" x="{x}" y="{y}" width="{CELL - 2}" height="{CELL - 2}" '
        f'fill-opacity="{abs(value) / largest:.3f}"><title>{name}: {number(value)}</title></rect>'
    )


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f"{''.join(parts)}</svg>"
    )

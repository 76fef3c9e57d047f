"""Circuits of growing size: how much of the total effect each carries, against its share of the
edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pathpatch_runner.report.figures.curve import Axes, Series, curve
from pathpatch_runner.report.figures.figure import Figure
from pathpatch_runner.report.rows import Row, Section, variables_of

SIZE = "size"


def is_sized(rows: Sequence[Row]) -> bool:
    """Whether a family is over sizes alone."""
    return variables_of(rows[0]) == [SIZE]


def size_curve(part: Section, families: Mapping[tuple[str, str], Sequence[Row]]) -> Figure:
    """A line for each family. Where shares are withheld, effects."""
    value = "effect" if part.withheld else "normalised"
    mean = "effect_mean" if part.withheld else "normalised_effect"
    series = []
    for key, rows in families.items():
        ordered = sorted(rows, key=lambda row: float(row[f"over.{SIZE}"]))
        points = [
            (
                float(row[f"over.{SIZE}"]),
                row[mean],
                row.get(f"{value}_ci_low"),
                row.get(f"{value}_ci_high"),
            )
            for row in ordered
            if row[mean] is not None
        ]
        series.append(Series(" / ".join(key), points))
    if part.withheld:
        marks, title = {}, f"effect on {part.quantity}"
    else:
        marks, title = {"0%": 0.0, "100%": 1.0}, f"share of the total effect on {part.metric}"
    axes = Axes(
        "nominal share of the edges",
        title,
        marks,
        logarithmic=True,
        x_form=".2~%",
        form=".4~g" if part.withheld else ".0%",
    )
    return curve(series, axes)

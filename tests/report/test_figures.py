"""Charts: well-formed SVG whose marks stand where the numbers say."""

from __future__ import annotations

import math
from typing import Any
from xml.etree import ElementTree

import pytest

from pathpatch_runner.report.figures import (
    MOST_DOTS,
    effect_chart,
    grid,
    head_means,
    head_variables,
)
from pathpatch_runner.report.rows import Section, sections_of
from report.summaries import EXPRESSION, head_row, row, summary, without_values


def section(*rows: dict[str, Any]) -> Section:
    (only,) = sections_of(summary(*rows))
    return only


def chart(*rows: dict[str, Any]) -> ElementTree.Element:
    return ElementTree.fromstring(effect_chart(section(*rows)))


def marked(svg: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    """Elements of a CSS class."""
    return [each for each in svg.iter() if kind in (each.get("class") or "").split()]


def texts(svg: ElementTree.Element, kind: str) -> list[str]:
    return [each.text or "" for each in marked(svg, kind)]


def place(element: ElementTree.Element, name: str) -> float:
    value = element.get(name)
    assert value is not None
    return float(value)


def values_at(svg: ElementTree.Element, positions: list[float]) -> list[float]:
    """What the labelled ticks say that these x positions mean."""
    ticks = [each for each in marked(svg, "tick") if each.get("text-anchor") == "middle"][:-1]
    first, last = ticks[0], ticks[-1]
    assert first.text is not None
    assert last.text is not None
    low, high = float(first.text), float(last.text)
    per_pixel = (high - low) / (place(last, "x") - place(first, "x"))
    return [low + (x - place(first, "x")) * per_pixel for x in positions]


def test_dots_intervals_and_total_stand_where_the_ticks_say() -> None:
    svg = chart(row("a", 2.0), row("b", -1.5), row("c", 0.0))
    dots = [place(dot, "cx") for dot in marked(svg, "dot")]
    assert values_at(svg, dots) == pytest.approx([2.0, -1.5, 0.0], abs=0.01)
    (total,), (zero,) = marked(svg, "total"), marked(svg, "axis")
    assert values_at(svg, [place(total, "x1"), place(zero, "x1")]) == pytest.approx(
        [4.0, 0.0], abs=0.01
    )
    ends = [place(bar, end) for bar in marked(svg, "interval") for end in ("x1", "x2")]
    assert values_at(svg, ends) == pytest.approx([1.5, 2.5, -2.0, -1.0, -0.5, 0.5], abs=0.01)


def test_a_chart_says_what_it_shows_and_in_which_unit() -> None:
    svg = chart(row("a"))
    assert svg.get("role") == "img"
    assert (
        svg.get("aria-label") == "Mean effect on loss (nats), noising, with intervals: 1 of 1 rows"
    )
    assert texts(svg, "tick")[-1] == "effect on loss (nats)"
    assert "total 4.000" in texts(svg, "tick")


def test_every_mark_tells_its_numbers() -> None:
    (group,) = chart(row("a[s=a0.h3]", 2.0)).iter("g")
    assert group.findtext("title") == f"h / a[s=a0.h3]: {EXPRESSION}\neffect 2.000 [1.500, 2.500]"


def test_names_of_units() -> None:
    rows = [row("a"), row("a+b", unit="hypothesis"), row("a+b", unit="cumulative")]
    svg = chart(*rows)
    assert texts(svg, "label") == ["h / a", "h", "h / cumulative a+b"]
    assert [dot.get("class") for dot in marked(svg, "dot")] == ["dot", "dot union", "dot union"]


def test_long_names_are_shortened_and_told_in_full_on_hover() -> None:
    long = f"{'x' * 200}[s=a0.h3]"
    svg = chart(row(long))
    (shown,) = texts(svg, "label")
    assert len(shown) == 50
    assert shown.endswith("x[s=a0.h3]")
    assert long in (svg.findtext("g/title") or "")


@pytest.mark.parametrize("direction", ["noising", "denoising"])
def test_nothing_is_drawn_outside(direction: str) -> None:
    svg = chart(row("x" * 300, 1e-7, direction=direction), row("b", direction=direction))
    width = place(svg, "width")
    for each in svg.iter():
        for name in ("x", "x1", "x2", "cx"):
            if each.get(name) is not None:
                assert 0 <= place(each, name) <= width
    for each in marked(svg, "tick"):
        reach = 7 * len(each.text or "")
        left = {"start": 0.0, "middle": reach / 2, "end": reach}[each.get("text-anchor") or ""]
        assert left <= place(each, "x") <= width - (reach - left)


def test_of_many_rows_the_largest_are_drawn() -> None:
    svg = chart(*(row(f"p{i}", i / 100) for i in range(200)))
    assert texts(svg, "label") == [f"h / p{i}" for i in range(199, 199 - MOST_DOTS, -1)]


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_missing_effect_is_said_to_be_missing(value: float | None) -> None:
    svg = chart(without_values(value, path_id="bad"), row("good"))
    assert texts(svg, "label") == ["h / bad", "h / good"]
    assert len(marked(svg, "dot")) == 1
    assert "no value" in texts(svg, "tick")


def test_an_effect_without_an_interval_is_a_dot() -> None:
    svg = chart(row("a", effect_ci_low=None, effect_ci_high=None))
    assert len(marked(svg, "dot")) == 1
    assert marked(svg, "interval") == []


def test_no_effects_at_all_still_make_a_chart() -> None:
    svg = chart(row("a", 0.0, corrupt_mean=1.0, effect_ci_low=0.0, effect_ci_high=0.0))
    (dot,) = marked(svg, "dot")
    assert values_at(svg, [place(dot, "cx")]) == pytest.approx([0.0], abs=0.01)


@pytest.mark.parametrize("scale", [1e-12, 3e-4, 0.7, 1.0, 19.0, 1e6, 7e14])
def test_ticks_are_few_and_round(scale: float) -> None:
    interval = {"effect_ci_low": -0.3 * scale, "effect_ci_high": scale}
    ticks = texts(chart(row("a", scale, corrupt_mean=1 + scale, **interval)), "tick")
    values = [float(text) for text in ticks[:-2]]
    assert 3 <= len(values) <= 10
    assert 0.0 in values
    assert all(float(f"{value:.1e}") == value for value in values)


def test_markup_in_names_is_text() -> None:
    svg = chart(row('<k>&"[k]', hypothesis="</svg><script>"))
    assert texts(svg, "label") == ['</svg><script> / <k>&"[k]']
    assert list(svg.iter("script")) == []


def test_head_variables_are_those_bound_to_heads_in_every_row() -> None:
    (sender, receiver) = (head_row("a0.h1", "a1.h0", 1.0), head_row("m0", "a1.h0", 1.0))
    assert head_variables([sender]) == ["over.s", "over.r"]
    assert head_variables([sender, receiver]) == ["over.r"]
    assert head_variables([row()]) == []
    assert head_variables([]) == []


def test_a_head_has_the_mean_effect_over_all_else() -> None:
    rows = section(
        head_row("a0.h1", "a1.h0", 1.0),
        head_row("a0.h1", "a2.h0", 4.0),
        head_row("a0.h3", "a1.h0", -0.5),
        without_values(None, **{"over.s": "a0.h3", "over.r": "a2.h0"}),
    ).rows
    assert head_means(rows, "over.s") == {(0, 1): 2.5, (0, 3): -0.5}
    assert head_means(rows, "over.r") == {(1, 0): 0.25, (2, 0): 4.0}


def test_a_grid_has_layers_down_heads_across_and_opacity_by_size() -> None:
    svg = ElementTree.fromstring(grid({(4, 0): 2.0, (5, 2): -0.5}, "by <s>"))
    assert svg.get("aria-label") == "by <s>"
    assert texts(svg, "tick") == ["h0", "h1", "h2", "a4", "a5"]
    first, second = marked(svg, "cell")
    assert [cell.get("class") for cell in (first, second)] == ["cell above", "cell below"]
    assert [place(cell, "fill-opacity") for cell in (first, second)] == [1.0, 0.25]
    assert [cell.findtext("title") for cell in (first, second)] == ["a4.h0: 2.000", "a5.h2: -0.500"]
    assert place(first, "x") < place(second, "x")
    assert place(first, "y") < place(second, "y")


def test_a_grid_without_effects_is_pale() -> None:
    (cell,) = marked(ElementTree.fromstring(grid({(0, 0): 0.0}, "by s")), "cell")
    assert place(cell, "fill-opacity") == 0.0

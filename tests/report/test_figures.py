"""Figures: what they say of the numbers, their colours, their formats, and names as text."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pathpatch_runner.errors import ConfigError
from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.report.figures import (
    Axes,
    Figure,
    FoundEdge,
    Mark,
    Series,
    comparison,
    curve,
    forest,
    found_paths,
    heatmap,
    interactions,
    paths,
    vega,
)
from pathpatch_runner.report.figures.bands import convex_hull
from pathpatch_runner.report.figures.heatmap import grid_of
from pathpatch_runner.report.figures.nodes import Cell, cell_of, in_order
from pathpatch_runner.report.figures.scale import Scale
from pathpatch_runner.report.rows import Section, sections_of
from report.summaries import head_row, row, summary

HOSTILE = "<script>\"&'\x1b[31m\u202e漢字"
SHAPE = ModelShape(2, 3, 8, 4, 11, 16, d_mlp=16)


def section(*rows: dict[str, object]) -> Section:
    (found,) = sections_of(summary(*rows))
    return found


def texts(figure: Figure) -> list[str]:
    """Everything written in the figure; titles of marks left out."""
    tree = ElementTree.fromstring(figure.svg)
    return [node.text or "" for node in tree.iter("{http://www.w3.org/2000/svg}text")]


def titles(figure: Figure) -> list[str]:
    """What is shown on hover."""
    tree = ElementTree.fromstring(figure.svg)
    return [node.text or "" for node in tree.iter("{http://www.w3.org/2000/svg}title")]


def test_a_forest_has_marks_at_0_and_100_percent_and_every_number_in_words() -> None:
    rows = [row(unit="hypothesis", direction="denoising", hypothesis=name) for name in "ab"]
    drawn = forest(section(*rows))
    shown = texts(drawn)
    assert {"0%", "100%", "a", "b"} <= set(shown)
    assert shown.count("75.0% [62.5, 87.5]") == 2
    assert "proportion explained of loss: 1 − AUE / ATE (%)" in shown
    assert "a 75.0% [62.5, 87.5]" in drawn.about


def test_in_noising_a_share_is_of_the_total_effect_and_its_interval_that_of_the_effect() -> None:
    # Effect 1 [0.5, 1.5] of a total of 4.
    drawn = forest(section(row(unit="hypothesis")))
    assert "25.0% [12.5, 37.5]" in texts(drawn)
    assert "share of the total effect on loss (%)" in texts(drawn)


def test_without_a_total_effect_there_are_effects_and_no_shares() -> None:
    drawn = forest(section(row(clean_mean=5.0, corrupt_mean=5.0)))
    assert not any("%" in text for text in texts(drawn))
    assert "1.000 [0.500, 1.500]" in texts(drawn)
    assert "effect on loss (nats)" in texts(drawn)


def over_one(effect: float, name: str, **changes: object) -> dict[str, object]:
    return row(f"f[s={name}]", effect, **{"over.s": name, **changes})


def test_a_family_over_nodes_is_layers_by_heads_with_the_mlps_last() -> None:
    rows = [over_one(1.0, name) for name in ("m1", "a1.h2", "a0.h10", "input")]
    grid = grid_of(rows)
    assert list(grid.lines) == ["", "0", "1"]
    assert list(grid.columns) == ["h2", "h10", "MLP", "input"]
    assert grid.cells["1", "MLP"]["path_id"] == "f[s=m1]"


def test_a_family_over_two_nodes_is_senders_by_receivers_from_below() -> None:
    grid = grid_of([head_row("a1.h0", "a2.h1", 1.0), head_row("a0.h3", "a2.h0", 2.0)])
    assert list(grid.lines) == ["a0.h3", "a1.h0"]
    assert list(grid.columns) == ["a2.h0", "a2.h1"]
    assert (grid.line_title, grid.column_title) == ("sender s", "receiver r")


def test_a_family_over_nodes_and_positions_has_the_positions_across() -> None:
    rows = [row("f") | {"over.s": node, "over.r": place} for node in ("m0", "m1") for place in "ab"]
    grid = grid_of(rows)
    assert (list(grid.lines), list(grid.columns)) == (["m0", "m1"], ["a", "b"])


def test_of_a_huge_matrix_the_nodes_with_the_largest_effects_are_kept() -> None:
    rows = [
        head_row(f"a0.h{i}", f"a1.h{j}", float(i == j == 70)) for i in range(80) for j in (0, 70)
    ]
    grid = grid_of(rows)
    assert len(grid.lines) == 40
    assert "a0.h70" in grid.lines
    assert grid.left_out == 2 * 40


def test_the_colour_says_helps_or_hurts_in_both_directions() -> None:
    # A total effect of 4 in noising and -4 in denoising: the same sign helps.
    for direction, sign in (("noising", 1), ("denoising", -1)):
        rows = [over_one(sign * 2.0, "a0.h0"), over_one(-sign * 1.0, "a0.h1")]
        part = section(*(each | {"direction": direction} for each in rows))
        drawn = heatmap(part, list(part.rows))
        fills = re.findall(r'data-row="(\d)"[^>]*?fill="var\(--([a-z-]+)\)"', drawn.svg)
        assert dict(fills) == {"0": "helps-cell", "1": "hurts-cell"}


def test_families_share_a_scale_and_significance_is_bold() -> None:
    rows = [over_one(0.5, "a0.h0", q_value=0.01), over_one(0.25, "a0.h1", q_value=0.2)]
    for each in rows:
        each.setdefault("q_value", None)
    part = section(*rows)
    drawn = heatmap(part, list(part.rows), Scale.of(1.0))
    depths = re.findall(r'data-row="(\d)"[^>]*?fill-opacity="([\d.]+)"', drawn.svg)
    assert {key: float(value) for key, value in depths} == {"0": 0.5, "1": 0.25}
    assert any(text == "0.50" for text in texts(drawn))


def test_what_rounds_to_nothing_is_not_bold_however_significant() -> None:
    part = section(over_one(9.0, "a0.h0", q_value=0.001), over_one(0.001, "a0.h1", q_value=0.001))
    spec = heatmap(part, list(part.rows)).spec
    assert spec is not None
    shown = [(cell["text"], cell["bold"]) for cell in spec["data"]["values"]]
    assert shown == [("9.00", True), ("·", False)]


def test_every_cell_says_all_its_numbers() -> None:
    part = section(over_one(2.0, "a0.h0"))
    (tip,) = titles(heatmap(part, list(part.rows)))
    assert tip.startswith("f[s=a0.h0]: 2.000 nats [1.500, 2.500], 50.0% of the total effect")


@pytest.mark.parametrize(
    ("largest", "value", "text", "unit"),
    [
        (4.5, -1.618, "−1.62", "nats"),
        (0.0045, 0.0012, "1.20", "10⁻³ nats"),
        (123.0, 4.2, "4", "nats"),
        (12.0, 0.01, "·", "nats"),
        (54_321.0, 12_345.0, "12.3", "10³ nats"),
    ],
)
def test_numbers_in_cells_have_three_digits_for_the_largest(
    largest: float, value: float, text: str, unit: str
) -> None:
    scale = Scale.of(largest)
    assert scale.text(value) == text
    assert scale.unit("nats") == unit


def test_nodes_know_their_place() -> None:
    assert cell_of("a3.h11") == Cell(3, "h11")
    assert cell_of("m2") == Cell(2, "MLP")
    assert cell_of("a4") == Cell(4, "attn")
    assert cell_of("input") is None
    assert cell_of("S2") is None
    assert in_order(["m0", "a0.h10", "a0.h2", "logits", "input"]) == [
        *("input", "a0.h2", "a0.h10", "m0", "logits")
    ]
    assert in_order(["v", "q"]) == ["q", "v"]


def test_a_curve_says_where_each_line_begins_and_ends() -> None:
    lines = [Series("a", [(0.1, 0.2, 0.1, 0.3), (1.0, 0.9, 0.8, 1.0)])]
    drawn = curve(lines, Axes("size", "share (%)", {"100%": 1.0}, logarithmic=True))
    assert "a: 0.200 at 0.1 to 0.900 at 1.0" in drawn.about
    assert {"size", "share (%)", "100%"} <= set(texts(drawn))


def test_lines_and_ways_are_named_where_there_are_several() -> None:
    lines = [
        Series(name, [(1.0, 0.2, 0.1, 0.3), (2.0, 0.4, None, None)]) for name in ("one", "two")
    ]
    assert {"one", "two"} <= set(texts(curve(lines, Axes("x", "y"))))
    marks = [Mark("a20.h0", way, 1.0, 0.5, 1.5) for way in ("resampled", "mean")]
    drawn = comparison({"kind?": marks, "which?": marks}, "effect (logits)")
    assert {"kind?", "which?", "resampled", "mean", "a20.h0", "effect (logits)"} <= set(
        texts(drawn)
    )


def test_interactions_stand_on_both_sides_of_the_diagonal() -> None:
    assert texts(interactions({("a", "b"): -1.0}, "logits")).count("−1.00") == 2


def drawing(text: str) -> Figure:
    graph = Graph(SHAPE)
    return paths({"k": (read_route(text, Scope(graph)),)}, graph, text)


def test_paths_fill_the_nodes_of_steps_and_join_those_that_can_follow() -> None:
    drawn = drawing("a0.h1<v~1> -> a1.h0-2<k@[3]> -> logits")
    assert {"a0.h1", "a1.h0", "a1.h1", "a1.h2", "logits"} <= set(titles(drawn))
    assert not {"m0", "a0.h0"} & set(titles(drawn))
    assert "k@[3]" in texts(drawn)
    # Everything upstream of the sender comes along, dashed; then to three heads, then on.
    lines = re.findall("<line.*?/>", drawn.svg)
    assert len([line for line in lines if "dasharray" in line]) == 1
    assert len(lines) == 1 + 3 + 3


def test_labels_stand_right_of_every_node_and_name_theirs() -> None:
    drawn = drawing("input -> a0.h1<v~1> -> a1.h0-2<k> -> logits@end").svg
    right = max(float(x) for x in re.findall(r'<circle cx="([\d.]+)"', drawn))
    at = re.findall(r'<text x="([\d.]+)" [^>]*text-anchor="start"[^>]*>([^<]*)', drawn)
    # Of a step of several heads the label is that of all of them.
    assert sorted(text for _, text in at) == ["@end", "h1 v~1", "k"]
    assert all(float(x) > right for x, _ in at)


def test_many_lines_are_the_area_that_they_take() -> None:
    wide = Graph(ModelShape(3, 8, 8, 4, 11, 16, attn_only=True))
    text = "a0.h* -> a2.h1 -> logits"
    few = paths({"k": (read_route(text, Scope(wide)),)}, wide, text).svg
    assert "<polygon" not in few
    text = "a*.h* -> a2.h* -> logits"
    drawn = paths({"k": (read_route(text, Scope(wide)),)}, wide, text).svg
    (corners,) = re.findall('<polygon points="([^"]*)"', drawn)
    # A rectangle: from the heads of layer 0 to those of layer 2. Then one line a column.
    assert len(corners.split()) == 4
    assert len({point.split(",")[1] for point in corners.split()}) == 2
    assert len(re.findall("<line", drawn)) == 8


def test_the_hull_of_points_is_their_corners() -> None:
    square = [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (1.0, 1.0), (2.0, 0.0), (2.0, 2.0)]
    assert set(convex_hull(square)) == {(0.0, 0.0), (0.0, 2.0), (2.0, 0.0), (2.0, 2.0)}
    assert convex_hull(square[:3]) == [(0.0, 0.0), (0.0, 2.0)]


def test_the_label_of_a_stream_lies_within_the_picture() -> None:
    drawn = drawing("r1@S1+12 => logits").svg
    ((at, label),) = re.findall(r'<text x="([\d.]+)" [^>]*>(r1[^<]*)', drawn)
    (width,) = re.findall(r'viewBox="0 0 (\d+)', drawn)
    assert label == "r1@S1+12"
    assert float(at) + 5 * len(label) < float(width)


def test_found_paths_are_edges_as_wide_as_their_effect() -> None:
    edges = [FoundEdge(1, 6, "k", 0.25, False, "0.5"), FoundEdge(6, 9, "", 1.0, True, "-2.0")]
    drawn = found_paths(edges, Graph(SHAPE), "what was found")
    assert {"a0.h0->a1.h1<k>: 0.5", "a1.h1->logits: -2.0", "a0.h0"} <= set(titles(drawn))
    assert {"h0", "h1 k"} <= set(texts(drawn))
    widths = re.findall(r'<line [^>]*stroke="var\(--(\w+)\)" stroke-width="([\d.]+)"', drawn.svg)
    assert [shade for shade, _ in widths] == ["hurts", "helps"]
    assert float(widths[0][1]) < float(widths[1][1])


def test_lines_of_many_entries_stay_within_their_node() -> None:
    graph = Graph(SHAPE)
    route = read_route("input -> a1.h2<k> -> logits", Scope(graph))
    drawn = paths({str(entry): (route,) for entry in range(9)}, graph, "nine").svg
    ((middle, radius),) = re.findall(r'<circle cx="([\d.]+)" [^>]*r="([\d.]+)"[^>]*><title>', drawn)
    ends = [float(x) for x in re.findall(r'<line x1="([\d.]+)"', drawn)]
    assert len(set(ends)) == 9
    assert all(abs(x - float(middle)) <= float(radius) for x in ends)


def test_a_logarithmic_axis_has_a_number_at_each_point() -> None:
    points = [(share, share, None, None) for share in (0.01, 0.05, 0.2, 1.0)]
    axes = Axes("size", "y", logarithmic=True, x_form=".2~%")
    assert {"1%", "5%", "20%", "100%"} <= set(texts(curve([Series("a", points)], axes)))


def test_hostile_names_are_text_in_every_figure() -> None:
    part = section(over_one(1.0, "a0.h0") | {"path_id": HOSTILE, "metric": HOSTILE})
    whole = section(row(hypothesis=HOSTILE, unit="hypothesis", metric=HOSTILE))
    for drawn in (
        heatmap(part, list(part.rows)),
        forest(whole),
        curve([Series(HOSTILE, [(HOSTILE, 1.0, None, None)])], Axes(HOSTILE, HOSTILE)),
        interactions({(HOSTILE, "b"): 1.0}, HOSTILE),
        paths({}, Graph(SHAPE), HOSTILE),
    ):
        assert "<script" not in drawn.svg
        assert "\x1b" not in drawn.svg
        assert "\u202e" not in drawn.svg
        assert ElementTree.fromstring(drawn.svg).get("aria-label")


def test_files_of_every_format(tmp_path: Path) -> None:
    drawn = forest(section(row(unit="hypothesis")))
    starts = {"pdf": b"%PDF", "png": b"\x89PNG", "svg": b"<svg"}
    for kind, start in starts.items():
        assert drawn.save(tmp_path / f"figure.{kind}").read_bytes().startswith(start)
    svg = (tmp_path / "figure.svg").read_text()
    assert "prefers-color-scheme:dark" in svg
    assert ElementTree.fromstring(svg) is not None
    with pytest.raises(ConfigError, match=r'"figure\.pgn" does not end in a known format'):
        drawn.save(tmp_path / "figure.pgn")


def test_a_drawing_process_that_dies_costs_a_figure_and_not_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vega, "SERVER", "import os; os.abort()")
    vega._process.cache_clear()
    assert "could not be drawn" in forest(section(row(unit="hypothesis"))).svg
    monkeypatch.undo()
    assert "75.0%" not in forest(section(row(unit="hypothesis"))).svg
    assert "25.0% [12.5, 37.5]" in forest(section(row(unit="hypothesis"))).svg


def test_a_drawing_process_that_ends_while_nothing_is_drawn_costs_nothing() -> None:
    vega.start_drawing()
    vega._process()._process.kill()
    vega._process()._process.wait()
    vega.start_drawing()
    assert "25.0% [12.5, 37.5]" in forest(section(row(unit="hypothesis"))).svg

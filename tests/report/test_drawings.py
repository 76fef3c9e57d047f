"""Paths on the grid of a run's model: variables stand for their values, found paths for edges."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from pathpatch_runner.report.drawings import drawings
from pathpatch_runner.report.searched import found_drawing
from report.summaries import row, summary
from report.views import view


def drawn(expression: str, **over: Any) -> str:
    """The picture of one family."""
    entry = {"expr": expression, "over": over}
    config = {"hypotheses": {"h": {"paths": {"f": entry}}}}
    return drawings(view(summary(row()), config=config))["h"].svg


def test_every_stream_of_a_family_is_a_line() -> None:
    svg = drawn("r@p => logits", r="r*", p="all")
    # Two layers: what either reads, and what the logits read; positions go by their variable.
    assert re.findall(">(r[^<]*)</text>", svg) == ["r0@p", "r1@p", "r2@p"]


def test_positions_that_are_named_are_shown() -> None:
    svg = drawn("r@p => logits", r="r1", p=["S1", "end"])
    assert re.findall(">(r[^<]*)</text>", svg) == ["r1@S1,end"]


def test_what_was_found_is_drawn_edge_by_edge() -> None:
    found = [
        ("a1.h0->logits", "expanded", -2.0),
        ("a1.h0<k>->logits", "expanded", -2.0),
        ("input->a1.h0<k>->logits", "complete", -1.0),
        ("a0.h1->a1.h0<k>->logits", "complete", 0.5),
        ("a0.h2->a1.h0<k>->logits", "pruned", None),
    ]
    names = {"metric": "loss", "direction": "denoising", "normalised_effect": None}
    rows = [{"path": p, "status": s, "effect_mean": e, **names} for p, s, e in found]
    # A total effect of -4 in the direction of the search: negative effects help.
    table = summary(row(), row(direction="denoising"))
    made = view(table, tables={"found": pa.Table.from_pylist(rows)})
    figure = found_drawing(made)
    assert figure is not None
    lines = re.findall(r'stroke="var\(--(\w+)\)"[^>]*><title>([^<]*)</title></line>', figure.svg)
    assert lines == [
        ("hurts", "a0.h1-&gt;a1.h0&lt;k&gt;: 0.500"),
        ("helps", "input-&gt;a1.h0&lt;k&gt;: -1.000"),
        ("helps", "a1.h0-&gt;logits: -2.000"),
    ]


def test_a_run_that_searched_nothing_has_no_such_picture() -> None:
    assert found_drawing(view(summary(row()))) is None

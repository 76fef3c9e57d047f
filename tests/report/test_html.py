"""`report.html`: one file that fetches nothing, shows every number, and takes names as text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pytest

from pathpatch_runner.report.html import render_report
from pathpatch_runner.report.table import MEANINGS, MOST_TABLE_ROWS
from pathpatch_runner.store import Counts
from report.pages import Page
from report.summaries import EXPRESSION, described, head_row, row, summary, without_values
from store.records import MANIFEST, PROVENANCE

PAGE_TAGS = {"html", "meta", "title", "style", "script", "h1", "h2", "h3", "p", "div", "span", "b"}
LIST_TAGS = {"nav", "a", "details", "summary", "dl", "dt", "dd", "small", "code", "pre", "button"}
TABLE_TAGS = {"table", "thead", "tbody", "tr", "th", "td"}
FIGURE_TAGS = {"figure", "figcaption", "svg", "g", "line", "circle", "rect", "text"}
KNOWN_TAGS = PAGE_TAGS | LIST_TAGS | TABLE_TAGS | FIGURE_TAGS
HOSTILE = "<k>&\"'[k]</td><script>alert(1)</script>$title"


def rendered(
    table: pa.Table, manifest: Mapping[str, Any] | None = None, plan: str = "the plan"
) -> str:
    return render_report(manifest or MANIFEST.to_dict(), table, plan)


def page(table: pa.Table, manifest: Mapping[str, Any] | None = None) -> Page:
    return Page.of(rendered(table, manifest))


def cells(html: str) -> list[list[str]]:
    """The text of the cells of every row of the first summary table."""
    body = html.split('<table class="sort">')[1].split("<tbody>")[1].split("</tbody>")[0]
    lines = re.findall("<tr>(.*?)</tr>", body)
    return [
        [" ".join(Page.of(cell).text.split()) for cell in re.findall("<td.*?</td>", line)]
        for line in lines
    ]


def everything() -> pa.Table:
    """Two metrics, two directions, two hundred rows each, a family over heads and a union."""
    keys = [(metric, way) for metric in ("loss", "logit_diff") for way in ("noising", "denoising")]
    return summary(
        *(
            each | {"metric": metric, "direction": way}
            for metric, way in keys
            for each in [
                row("all", 3.5, unit="hypothesis"),
                *(head_row(f"a{i % 20}.h{i // 20}", "a30.h1", i / 100) for i in range(199)),
            ]
        )
    )


def test_the_numbers_of_a_row() -> None:
    table = summary(row("f[s=a0.h1]", 2.0, p_value=0.0002), row("f+g", unit="hypothesis"))
    assert cells(rendered(table)) == [
        [
            "h",
            "path",
            f"f[s=a0.h1] {EXPRESSION}",
            "1,234",
            "2.000 [1.500, 2.500]",
            "50.0%",
            "75.0% [62.5%, 87.5%]",
            "<0.001",
        ],
        [
            "h",
            "hypothesis",
            f"f + g {EXPRESSION}",
            "1,234",
            "1.000 [0.500, 1.500]",
            "25.0%",
            "75.0% [62.5%, 87.5%]",
            "0.042",
        ],
    ]


def test_expressions_are_text_not_tags() -> None:
    shown = page(summary(row("e")))
    assert EXPRESSION == "a0.h3<v~1> -> a1.h9<k> -> logits"
    assert EXPRESSION in shown.text
    assert shown.tags <= KNOWN_TAGS


def test_every_name_is_text_wherever_it_stands() -> None:
    names = ("hypothesis", "path_id", "path", "metric", "model", "dataset")
    table = summary(row() | dict.fromkeys(names, HOSTILE))
    against = described(table, against={HOSTILE: HOSTILE})
    hostile = replace(
        MANIFEST,
        experiment=HOSTILE,
        run_key=HOSTILE,
        backend=replace(MANIFEST.backend, name=HOSTILE, reason=HOSTILE),
        guards=(replace(MANIFEST.guards[0], name=HOSTILE),),
        provenance=replace(PROVENANCE, command=(HOSTILE,)),
    )
    html = rendered(against, hostile.to_dict(), HOSTILE)
    shown = Page.of(html)
    assert shown.tags <= KNOWN_TAGS
    assert shown.unbalanced == []
    assert html.count("<script>") == 1
    assert shown.text.count(HOSTILE) >= 10


def test_nothing_is_fetched() -> None:
    html = rendered(everything())
    shown = Page.of(html)
    assert "default-src 'none'" in "".join(shown.values("content", "meta"))
    assert not shown.tags & {"link", "img", "iframe", "object", "base", "use", "image"}
    assert shown.values("src") + shown.values("srcset") + shown.values("xlink:href") == []
    assert all(target.startswith("#") for target in shown.values("href"))
    assert re.findall(r"https?:|@import|url\(|fetch\(|import\(|XMLHttp", html) == []


def test_two_hundred_rows_of_several_metrics_and_directions() -> None:
    html = rendered(described(everything()))
    shown = Page.of(html)
    assert shown.unbalanced == []
    headings = [f"{m}, {d}" for m in ("loss", "logit_diff") for d in ("noising", "denoising")]
    assert re.findall("<h2 id=.*?>(.*?)</h2>", html) == headings
    assert [f"#{place}" for place in shown.values("id", "h2")] == shown.values("href", "a")
    assert html.count('<td class="path">') == 4 * 200
    assert "Mean loss (nats): clean 1.000, corrupt 5.000; total effect 4.000." in shown.text
    assert "total effect -4.000." in shown.text
    assert "90% interval" in shown.text
    assert "40 of 200: whole hypotheses, then the largest effects." in shown.text
    figures = re.findall("(?s)<svg.*?</svg>", html)
    # A section has a chart and a grid for s; r is one head only, which needs no grid.
    assert len(figures) == 4 * 2
    assert html.count("h / f: mean effect by s</h3>") == 4
    assert html.count("darkest: 1.980 logits") == 2
    assert all(ElementTree.fromstring(figure).get("aria-label") for figure in figures)


def test_one_section_needs_no_contents() -> None:
    assert "nav" not in page(summary(row())).tags


def test_of_thousands_of_rows_the_largest_are_in_the_table_and_the_others_counted() -> None:
    table = summary(*(row(f"p{i}", i / 100) for i in range(1700)))
    html = rendered(table)
    assert html.count('<td class="path">') == MOST_TABLE_ROWS
    assert cells(html)[0][2].startswith("p1699 ")
    assert "and 1,200 more in summary.parquet" in html


def test_every_column_is_explained() -> None:
    html = rendered(summary(row()))
    assert re.findall("<dt>(.*?)</dt>", html) == list(MEANINGS)
    titles = re.findall("<th.*?<button><span>(.*?)</span>", html)
    assert titles == list(MEANINGS)
    assert "<small>nats, interval</small>" in html


def test_what_a_hypothesis_is_measured_against_stands_in_its_row() -> None:
    table = described(summary(row(), row(hypothesis="rest")), against={"h": "rest"})
    claim, rest = cells(rendered(table))
    assert claim[6] == "75.0% [62.5%, 87.5%] against rest"
    assert "against" not in rest[6]


def test_other_sources_than_the_corrupt_prompt_are_named() -> None:
    assert "replaced by zeros" in page(described(summary(row()), source="zero")).text
    assert "replaced by zeros" not in page(described(summary(row()))).text


@pytest.mark.parametrize("value", [None, math.nan])
def test_missing_values_are_dashes_that_sort_last(value: float | None) -> None:
    html = rendered(summary(without_values(value, path_id="bad"), row("good")))
    bad, good = cells(html)
    assert bad[4:] == ["-", "-", "-", "-"]
    assert good[4] == "1.000 [0.500, 1.500]"
    assert html.count('data-v=""') == 4
    assert not re.search(r"\bnan\b", Page.of(html).text)


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_run_without_a_single_number_still_has_a_report(value: float | None) -> None:
    nothing = {"over.s": "a0.h1", "clean_mean": value, "corrupt_mean": value}
    shown = page(summary(without_values(value, **nothing)))
    assert "clean -, corrupt -; total effect -." in shown.text
    assert shown.unbalanced == []


def test_no_rows_still_make_a_report() -> None:
    shown = page(summary())
    assert "Nothing was evaluated: the summary has no rows." in shown.text
    assert shown.unbalanced == []


def test_the_run_and_its_checks() -> None:
    text = page(summary(row())).text
    for said in ("gpt-toy", "0123456789", "nothing patched is clean", "holds", "fails", "hooks"):
        assert said in text
    assert "bindings that match no path" in text
    none_left_out = replace(MANIFEST, counts=Counts(3, 0, 7, 4, 2, 5)).to_dict()
    assert "bindings that match no path" not in page(summary(row()), none_left_out).text


@pytest.mark.parametrize(
    ("git", "said"),
    [
        (None, "installed package"),
        (PROVENANCE.git, "0123456789"),
        (replace(PROVENANCE.git, dirty=True) if PROVENANCE.git else None, "+ local changes"),
    ],
    ids=["installed", "clean", "dirty"],
)
def test_where_the_program_came_from(git: Any, said: str) -> None:
    manifest = replace(MANIFEST, provenance=replace(PROVENANCE, git=git)).to_dict()
    assert said in page(summary(row()), manifest).text

"""`report.html`: one file that asks for nothing, shows every number, and takes names as text."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from pathpatch_runner.report.page import numbers as page_numbers
from pathpatch_runner.report.page import render_report
from pathpatch_runner.report.page.found import _hidden
from pathpatch_runner.report.page.numbers import COLUMNS
from pathpatch_runner.store import Counts
from report.pages import Page
from report.summaries import EXPRESSION, described, head_row, row, summary, without_values
from report.views import effects, pairs, view
from store.records import MANIFEST, PROVENANCE

HOSTILE = "<k>&\"'[k]</td><script>alert(1)</script>$title"
ESCAPES = "\x1b[31mred\x07"
TURNED = "\u202eright to left"
INDUCTION = {
    "hypotheses": {
        "h": {
            "groups": {"movers": ["a1.h0-1"]},
            "paths": {"k": {"expr": "input -> a0.h3<v~1> -> movers<k> -> logits"}},
            "against": "rest",
        }
    }
}


def page(table: pa.Table, **more: Any) -> Page:
    return Page.of(render_report(view(table, **more)))


def said(table: pa.Table, **more: Any) -> str:
    """The text of the page with single blanks."""
    return " ".join(page(table, **more).text.split())


def cells(html: str) -> list[list[str]]:
    """The text of the cells of every row of the table of all rows, as it stands."""
    body = html.split('<table id="rows">')[1].split("<tbody>")[1].split("</tbody>")[0]
    lines = re.findall("<tr>(.*?)</tr>", body)
    return [
        [" ".join(Page.of(cell).text.split()) for cell in re.findall("<t[hd].*?</t[hd]>", line)]
        for line in lines
    ]


def data(html: str) -> Any:
    """What the page's script reads."""
    (packed,) = re.findall('id="data">(.*?)</script>', html)
    return json.loads(gzip.decompress(base64.b64decode(packed)))


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
    assert cells(render_report(view(table))) == [
        [
            f"h f[s=a0.h1] {EXPRESSION}",
            "2.000 [1.500, 2.500]",
            "50.0%",
            "75.0% [62.5%, 87.5%]",
            "<0.001",
            "-",
            "1,234",
        ],
        [
            f"h hypothesis {EXPRESSION}",
            "1.000 [0.500, 1.500]",
            "25.0%",
            "75.0% [62.5%, 87.5%]",
            "0.042",
            "-",
            "1,234",
        ],
    ]


def test_rows_name_their_metric_where_there_are_several() -> None:
    lines = cells(render_report(view(summary(row(), row(metric="logit_diff")))))
    assert [line[0].split(" a0.h3")[0] for line in lines] == [
        "h e loss, noising",
        "h e logit_diff, noising",
    ]


@pytest.mark.parametrize("hostile", [HOSTILE, ESCAPES, TURNED])
def test_every_name_is_text_wherever_it_stands(hostile: str) -> None:
    names = ("hypothesis", "path_id", "path", "metric", "model", "dataset")
    table = summary(row() | dict.fromkeys(names, hostile))
    config = {
        "description": hostile,
        "hypotheses": {hostile: {"paths": {hostile: {"expr": hostile}}, "groups": {}}},
    }
    run = view(
        described(table, against={hostile: hostile}),
        config=config,
        plan=hostile,
        tables={"pairs": pairs((hostile.replace(" ", ""), hostile.replace(" ", "")))},
        experiment=hostile,
        run_key=hostile,
        backend={"name": hostile, "reason": hostile},
        guards=[{"name": hostile, "value": 0.0, "tolerance": 1.0, "passed": False}],
    )
    html = render_report(run)
    shown = Page.of(html)
    assert shown.unbalanced == []
    assert html.count("<script>") == 1
    assert html.count("<k>") == 0
    assert "\x1b" not in html
    assert "\x07" not in html
    assert "\u202e" not in html
    readable = hostile.replace("\x1b", "␛").replace("\x07", "␇").replace("\u202e", "\\u202e")
    assert shown.text.count(readable) >= 10


def test_nothing_is_fetched() -> None:
    html = render_report(view(described(everything()), config=INDUCTION))
    shown = Page.of(html)
    assert "default-src 'none'" in "".join(shown.values("content", "meta"))
    assert not shown.tags & {"img", "iframe", "object", "base", "use", "image"}
    assert shown.values("src") + shown.values("srcset") + shown.values("xlink:href") == []
    local = re.compile(r"#[\w-]*|[a-z]+\.(parquet|json)|data:,")
    assert all(local.fullmatch(target) for target in shown.values("href"))
    # The one address is the name of SVG's own namespace.
    assert set(re.findall(r"https?:[^\"' ]*", html)) == {"http://www.w3.org/2000/svg"}
    assert re.findall(r"@import|url\(|fetch\(|import\(|XMLHttp|eval\(", html) == []


def test_the_parts_stand_in_the_order_in_which_one_asks() -> None:
    html = render_report(view(described(everything()), config=INDUCTION))
    titles = ["Asked", "Found", "Per row and per pair", "Trust", "Cost", "Data"]
    assert re.findall("<h2[^>]*>(.*?)</h2>", html) == titles
    assert Page.of(html).unbalanced == []
    headings = [f"{m}, {d}" for m in ("loss", "logit_diff") for d in ("noising", "denoising")]
    assert re.findall('<h3 id="found-.">(.*?)</h3>', html) == headings


def test_a_page_without_scripts_has_the_most_important_rows_and_says_how_many_it_has_not() -> None:
    table = summary(*(row(f"p{i}", i / 100) for i in range(1700)))
    html = render_report(view(table))
    assert len(cells(html)) == 40
    assert cells(html)[0][0].startswith("h p1699 ")
    assert "and 1,660 more in summary.parquet" in html


def test_the_script_gets_every_row_and_every_pair() -> None:
    table = summary(row("a", 2.0), row("b", -1.0, q_value=0.5))
    each = effects(table, [[1.0, 3.0], [-2.0, 0.0]])
    texts = pairs(("one two", "one 2"), ("x y", "z y"))
    found = data(render_report(view(table, tables={"effects": each, "pairs": texts})))
    columns = found["columns"]
    assert columns["effect"] == [2.0, -1.0]
    assert [columns["label"]["texts"][code] for code in columns["label"]["codes"]] == ["a", "b"]
    assert columns["p"] == [0.0421, 0.0421]
    assert found["n_pairs"] == 2
    assert found["scale"] == [3.0, 2.0]
    raw = base64.b64decode(found["effects"])
    values = [int.from_bytes(raw[i : i + 2], "little", signed=True) for i in range(0, 8, 2)]
    # A third, all, all the other way and nothing of the row's largest effect.
    assert values == [round(32767 / 3), 32767, -32767, 0]
    assert found["pairs"][1]["clean"] == ["x", "y"]
    assert found["pairs"][0]["corrupt"] == ["one", "2"]


def test_of_very_many_rows_the_page_holds_those_with_the_largest_effects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_numbers, "MOST_ROWS", 3)
    rows = [head_row(f"a0.h{i}", "a1.h0", effect) for i, effect in enumerate([1, -9, 2, 5, 0])]
    html = render_report(view(summary(*rows)))
    assert data(html)["columns"]["effect"] == [-9, 2, 5]
    assert data(html)["columns"]["row"] == [1, 2, 3]
    text = " ".join(Page.of(html).text.split())
    assert "The page holds the 3 rows with the largest effects of 5" in text


def test_cells_of_grids_are_titled_by_the_script_alone() -> None:
    rows = [head_row(f"a0.h{i}", "a1.h0", i + 1.0) for i in range(3)]
    html = render_report(view(summary(*rows)))
    (grid,) = re.findall('<figure class="map">(.*?)</figure>', html, re.DOTALL)
    assert "data-row=" in grid
    assert "<title>" not in grid


def test_every_column_is_explained() -> None:
    html = render_report(view(summary(row())))
    meanings = html.split("What the columns mean")[1]
    assert re.findall("<dt>(.*?)</dt>", meanings)[: len(COLUMNS)] == list(COLUMNS)


def test_a_hypothesis_is_shown_as_expression_and_as_drawing() -> None:
    shown = page(summary(row()), config=INDUCTION)
    assert "input -> a0.h3<v~1> -> movers<k> -> logits" in shown.text
    (drawing,) = [text for text in shown.values("aria-label", "svg") if "Paths of h" in text]
    assert "movers<k>" in drawing


def test_prompts_are_shown_token_by_token_with_what_differs_and_what_is_read() -> None:
    html = render_report(view(summary(row()), tables={"pairs": pairs(("a b c", "a d c"))}))
    tokens = re.findall('<span class="(tok(?: [a-z]+)*)">(.*?)</span>', html)
    kinds = {text.split("<")[0]: kind for kind, text in tokens}
    assert kinds["a"] == "tok"
    assert kinds["b"] == kinds["d"] == "tok differs"
    assert kinds["c"] == "tok read"
    assert "after token 2: answer yes , distractor no" in said(
        summary(row()), tables={"pairs": pairs(("a b c", "a d c"))}
    )


def test_the_command_can_be_repeated() -> None:
    command = ["run.py", "experiment=ioi", "name=two words"]
    provenance = {**MANIFEST.to_dict()["provenance"], "command": command}
    assert "python run.py experiment=ioi 'name=two words'" in said(
        summary(row()), provenance=provenance
    )


@pytest.mark.parametrize("value", [None, math.nan])
def test_missing_values_are_dashes_and_never_not_a_number(value: float | None) -> None:
    html = render_report(view(summary(without_values(value, path_id="bad"), row("good"))))
    bad, good = cells(html)
    assert bad[1:6] == ["-", "-", "-", "-", "-"]
    assert good[1] == "1.000 [0.500, 1.500]"
    assert data(html)["columns"]["effect"] == [None, 1.0]
    assert not re.search(r"\bnan\b", Page.of(html).text)


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_run_without_a_single_number_still_has_a_page(value: float | None) -> None:
    nothing = {"over.s": "a0.h1", "clean_mean": value, "corrupt_mean": value}
    shown = page(summary(without_values(value, **nothing)))
    assert "Mean loss is - nats on the clean prompts" in shown.text
    assert shown.unbalanced == []


def test_no_rows_still_make_a_page() -> None:
    shown = page(summary())
    assert "Nothing was evaluated: the summary has no rows." in shown.text
    assert shown.unbalanced == []


def test_without_a_total_effect_every_share_is_withheld_and_a_warning_stands_on_top() -> None:
    table = summary(row("h", unit="hypothesis", clean_mean=5.0, corrupt_mean=5.0))
    html = render_report(view(table))
    text = " ".join(Page.of(html).text.split())
    assert "the total effect (0) is within rounding" in html.split("<main")[1][:600]
    assert "Shares are withheld" in text
    assert cells(html)[0][2:4] == ["-", "-"]
    assert "75.0%" not in text


def test_an_interval_of_the_total_effect_that_holds_0_withholds_too() -> None:
    bounds = {"total_effect": 4.0, "total_effect_ci_low": -0.5, "total_effect_ci_high": 8.5}
    table = summary(row())
    for name, value in bounds.items():
        if name in table.schema.names:
            table = table.drop_columns([name])
        table = table.append_column(name, pa.array([value]))
    assert "the interval of the total effect [-0.5, 8.5] holds 0" in said(table)


def test_a_guard_that_failed_is_a_warning() -> None:
    guards = [{"name": "patch nothing = clean", "value": 1.0, "tolerance": 0.1, "passed": False}]
    assert "The guard patch nothing = clean failed" in said(summary(row()), guards=guards)


def test_the_run_and_its_checks() -> None:
    text = said(summary(row()))
    for word in ("gpt-toy", "0123456789", "nothing patched is clean", "holds", "hooks"):
        assert word in text
    assert "left out: they match no path" in text
    counts = vars(Counts(3, 0, 7, {}, 2, 5))
    assert "left out: they match no path" not in said(summary(row()), counts=counts)


def test_the_least_p_that_so_few_pairs_can_give_is_said() -> None:
    counts = vars(Counts(3, 0, 7, {}, 4, 4))
    # Four pairs have 16 patterns of signs, two of which are as extreme as all alike.
    text = said(summary(row(p_floor=2 / 16)), counts=counts)
    assert "With 4 pairs no p value is below 0.12" in text
    assert "bring more pairs" in text
    assert "bring more pairs" not in said(summary(row(p_floor=0.01)), counts=counts)


def test_max_t_is_counted_beside_q() -> None:
    rows = [row(path_id=f"e{n}", q_value=q, p_max_t=p) for n, (q, p) in enumerate(TESTED)]
    assert "3 tests: 2 with q (Benjamini-Hochberg over each family) < 0.05, 1 with max-T" in said(
        summary(*rows)
    )


TESTED = ((0.01, 0.02), (0.04, 0.2), (0.3, 0.9))
"""(q, max-T p) of three rows."""


def test_pairs_that_were_left_out_stand_with_their_reasons() -> None:
    left_out = [["data.jsonl:3", "clean has 4 tokens, corrupt 5"], ["data.jsonl:9", HOSTILE]]
    counts = vars(Counts(3, 0, 7, {}, 4, 4, pairs_left_out=12))
    text = said(summary(row()), left_out=left_out, counts=counts)
    assert "12 pairs could not be used and were left out: see Trust." in text
    assert "Left out (12)" in text
    assert "data.jsonl:3 clean has 4 tokens, corrupt 5" in text
    assert "and 10 more" in text
    assert "Left out" not in said(summary(row()))


def test_matched_controls_stand_beside_their_units() -> None:
    named = row(path_id="key", effect_mean=3.0)
    keys = ("hypothesis", "unit", "path_id", "metric", "direction")
    few = {"control_mean": None, "control_min": None, "control_max": None}
    rows = [
        {key: named[key] for key in keys}
        | {"effect_mean": 3.0, "n_controls": 99, "as_large": 0, "control_p": 0.01}
        | {"control_mean": 0.5, "control_min": -1.0, "control_max": 2.0},
        {key: named[key] for key in keys}
        | {"path_id": "rare", "effect_mean": 1.0, "n_controls": 0, "as_large": None}
        | {"control_p": None, **few},
    ]
    text = said(summary(named), tables={"controls": pa.Table.from_pylist(rows)})
    assert "of 1 unit, 1 above all controls. 1 unit without as many controls as asked for." in text
    assert "h / key 3.000 0.500 [-1.000, 2.000] 0 of 99 0.010" in text
    assert "Would any heads have done?" not in said(summary(named))


@pytest.mark.parametrize(
    ("git", "shown"),
    [
        (None, "installed package"),
        (PROVENANCE.git, "commit 0123456789"),
        (replace(PROVENANCE.git, dirty=True) if PROVENANCE.git else None, "+ local changes"),
    ],
    ids=["installed", "clean", "dirty"],
)
def test_where_the_program_came_from(git: Any, shown: str) -> None:
    manifest = replace(MANIFEST, provenance=replace(PROVENANCE, git=git)).to_dict()
    assert shown in said(summary(row()), provenance=manifest["provenance"])


def test_other_sources_than_the_corrupt_prompt_are_named() -> None:
    assert "replaced by zeros" in said(described(summary(row()), source="zero"))
    assert "replaced by zeros" not in said(described(summary(row())))


def test_a_page_is_the_same_every_time() -> None:
    table = described(everything())
    assert render_report(view(table)) == render_report(view(table))


def test_contrasts_are_said_and_drawn() -> None:
    contrast = {
        "contrast": "refinement",
        "left": "h",
        "right": "rest",
        "metric": "loss",
        "direction": "denoising",
        "difference": -1.5,
        "difference_ci_low": -2.0,
        "difference_ci_high": -1.0,
        "p_value": 0.002,
        "pe_difference": 0.72,
        "pe_difference_ci_low": 0.65,
        "pe_difference_ci_high": 0.79,
        "pe_p_value": 0.001,
    }
    tables = {"contrasts": pa.Table.from_pylist([contrast])}
    table = summary(row(unit="hypothesis", direction="denoising"))
    html = render_report(view(table, tables=tables))
    text = " ".join(Page.of(html).text.split())
    assert "Difference: refinement ( h - rest ) 72.0 points [65.0, 79.0]." in text
    assert "refinement: h - rest 72.0 [65.0, 79.0], p 0.001" in " ".join(
        Page.of(html).values("aria-label")
    )
    effects_only = contrast | {"pe_difference": None}
    tables = {"contrasts": pa.Table.from_pylist([effects_only])}
    assert "Difference: refinement ( h - rest ) -1.500 [-2.000, -1.000], p 0.002." in said(
        table, tables=tables
    )


def test_a_binding_to_an_absolute_position_is_named_whole() -> None:
    rows = [head_row("a0.h0", "[2]", 3.0) | {"path_id": "f[s=a0.h0,r=[2]]", "q_value": 0.001}]
    rows += [head_row("a0.h1", "[3]", 0.1)]
    assert "s=a0.h0,r=[2] (3.000" in said(summary(*rows))


def test_shapley_values_are_said_in_order_of_size() -> None:
    whole = row("a+b", 4.0, unit="hypothesis")
    keys = ("hypothesis", "metric", "direction")
    entries = {("a", None): 1.0, ("b", None): 3.0, ("a", "b"): -0.5}
    rows = [
        {key: whole[key] for key in keys} | {"entry": entry, "other": other, "value": value}
        for (entry, other), value in entries.items()
    ]
    text = said(summary(whole), tables={"shapley": pa.Table.from_pylist(rows)})
    assert "The effect of h , 4.000, shared out among its entries (Shapley values): b" in text
    assert "b 3.000 (75.0%), a 1.000 (25.0%)." in text
    assert "blue: one can stand in for the other" in text


def test_what_others_are_measured_against_stands_apart() -> None:
    rows = [
        row("e", -3.0, unit="hypothesis", hypothesis=name, direction="denoising")
        for name in ("rest", "named")
    ]
    hypotheses = {"rest": {"paths": {}}, "named": {"paths": {}, "against": "rest"}}
    about = described(summary(*rows), against={"named": "rest"})
    text = said(about, config={"hypotheses": hypotheses})
    assert "rest explains 75.0% [62.5, 87.5]; what it leaves counts as 100%" in text
    assert "Blue: rest , of the total effect" in text
    assert "named explains 75.0%" in text.split("Asked")[0]
    assert "rest explains" not in text.split("Asked")[0]


def test_what_a_search_came_to_is_said_first() -> None:
    names: dict[str, Any] = {"metric": "loss", "direction": "noising", "effect_mean": 1.0}
    found: list[dict[str, Any]] = [
        {"path": "a1.h0->logits", "parent": None, "status": "open", "normalised_effect": 0.25},
        {"path": "a1.h1->logits", "parent": None, "status": "expanded", "normalised_effect": -0.5},
        {"path": "m0->logits", "parent": None, "status": "pruned", "normalised_effect": None},
    ]
    table = pa.Table.from_pylist([{**row, **names} for row in found])
    about = {"paths": 0, "confirmed": 0, "open": 1, "evaluations": 1234}
    made = view(summary(row(unit="hypothesis", hypothesis="found_rest")), tables={"found": table})
    text = " ".join(Page.of(render_report(replace(made, search=about))).text.split())
    headline = (
        "No path found as far as the input; 1 stubs left open; 1,234 path sets evaluated. "
        "Into the logits: a1.h1->logits -50.0%, a1.h0->logits 25.0% of the total effect."
    )
    assert headline in text.split("Asked")[0]
    assert "Of these, found_rest : all paths but found ." in text


def test_what_was_searched_for_is_said() -> None:
    search: dict[str, Any] = {
        "metric": None,
        "direction": "noising",
        "through": "any",
        "slots": "apart",
    }
    search |= {"min_share": 0.01, "alpha": 0.05, "correction": "fdr", "at_most": 2, "confirm": 0.5}
    text = said(summary(row()), config={"search": search, "metrics": ["loss"]})
    assert "through any node, slots apart, at most 2 nodes between the ends." in text
    assert "an effect on loss (noising) of at least 1.0% of the total, significant at 0.05" in text
    assert "50.0% of the pairs choose nothing" in text


def test_a_cell_says_over_what_it_is_the_largest() -> None:
    bound = [("a0.h0", "a1.h0", "q"), ("a0.h0", "a1.h1", "k"), ("a0.h1", "a1.h0", "q")]
    rows = [{"over.s": s, "over.r": r, "over.x": x} for s, r, x in bound]
    assert _hidden(rows) == ", the largest over x"
    assert _hidden([{"over.s": s, "over.r": r} for s, r, _ in bound]) == ""


def test_the_short_answer_stands_on_top_unless_shares_are_withheld() -> None:
    table = summary(row("e", 3.0, unit="hypothesis", hypothesis="named"))
    assert "named takes away 75.0%" in said(table).split("Asked")[0]
    nothing = row("e", 3.0, unit="hypothesis", hypothesis="named", corrupt_mean=1.0)
    assert "named" not in said(summary(nothing)).split("Asked")[0]

"""What a search found, as a tree."""

from __future__ import annotations

import io

import pyarrow as pa
from rich.console import Console

from pathpatch_runner.report.found_tree import branches, print_found, sentences
from pathpatch_runner.report.page.searched import search_tree
from pathpatch_runner.report.searched import name_of
from report.summaries import row

ROWS = [
    ("a1.h0->logits", None, "expanded", 2.0, 0.5),
    ("a1.h0<k>->logits", "a1.h0->logits", "expanded", 2.0, 0.5),
    ("input->a1.h0<k>->logits", "a1.h0<k>->logits", "complete", 1.5, 0.375),
    ("a0.h1->a1.h0<k>->logits", "a1.h0<k>->logits", "open", 0.5, 0.125),
    ("m0->logits", None, "pruned", None, None),
]
ABOUT = {
    "paths": 1,
    "confirmed": 1,
    "open": 1,
    "evaluations": 1234,
    "unexamined": {
        "paths": "91231",
        "sampled": 299,
        "exceeding": 0,
        "share_at_most": 0.00997,
        "confidence": 0.95,
    },
}


def table() -> pa.Table:
    names = ("path", "parent", "status", "effect_mean", "normalised_effect")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in ROWS])


def test_the_tree_in_the_terminal() -> None:
    console = Console(file=io.StringIO(), width=100)
    print_found(table(), ABOUT, console)
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert lines[2:7] == [
        "logits",
        "└── a1.h0  2.000  50.0%",
        "    └── a1.h0<k>  2.000  50.0%",
        "        ├── input  1.500  37.5%",
        "        └── a0.h1  0.500  12.5%  open",
    ]


def test_entries_that_a_search_wrote_go_by_their_paths() -> None:
    written = row("p3", hypothesis="found_kept", path="a1.h0<k>->logits")
    assert name_of(written) == "a1.h0<k>->logits"
    assert name_of(written | {"unit": "hypothesis"}) == "found_kept"
    assert name_of(row("p3", hypothesis="mine")) == "mine / p3"


def test_tokens_raised_and_lowered_stand_in_both_trees() -> None:
    told = [
        {**row, "raises": [" Tom", "<b>", " x"], "lowers": ["\n"]} for row in table().to_pylist()
    ]
    console = Console(file=io.StringIO(), width=100)
    print_found(pa.Table.from_pylist(told), ABOUT, console)
    assert isinstance(console.file, io.StringIO)
    assert '└── a1.h0  2.000  50.0%  raises " Tom", "<b>", lowers "␊"' in console.file.getvalue()
    page = search_tree(pa.Table.from_pylist(told))
    assert "raises &quot; Tom&quot;, &quot;&lt;b&gt;&quot;, lowers" in page


def test_what_is_said_of_the_search() -> None:
    assert sentences(ABOUT) == [
        "1 paths from the input found, 1 of them significant on pairs that chose nothing; 1 stubs "
        "left open; 1,234 path sets evaluated",
        "of 299 random paths among the 91,231 not evaluated 0 reach min_share: at most 1.0% of "
        "them do (95% confidence)",
    ]


def test_rows_beyond_the_most_are_counted() -> None:
    shown, left = branches(table(), 2)
    assert left == 2
    assert [branch.step for branch in shown] == ["a1.h0"]


def test_the_tree_of_the_page_nests_what_passed() -> None:
    page = search_tree(table())
    assert page.count("<li>") == 4
    assert "m0" not in page
    assert "50.0% of the total" in page

"""An entry of a hypothesis in words."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from pathpatch_runner.report.page.entries import entry_text

CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "expression",
        {"expr": "s -> logits", "over": {"s": ["a0.h1", "m0"]}},
        "s -> logits|s over a0.h1, m0",
    ),
    ("union", {"expr": ["m0 -> logits", "m1 -> logits"], "over": {}}, "m0 -> logits|m1 -> logits"),
    (
        "chosen",
        {
            "select": {"by": "eap", "how": "top", "absolute": True, "threshold": None},
            "sizes": "mib",
        },
        "the best edges, by absolute eap score|sizes: the ten of MIB, .1% to 100% of all edges",
    ),
    (
        "signed",
        {"select": {"by": None, "how": "greedy", "absolute": False}, "sizes": [0.01, 0.5]},
        "from the logits, again and again the best edge into what is reached, "
        "by signed score|sizes: 1%, 50% of all edges",
    ),
    (
        "threshold",
        {"select": {"by": "eap", "how": "threshold", "threshold": 0.5}},
        "all edges of at least 0.5, by absolute eap score",
    ),
    (
        "file",
        {"circuit": "/somewhere/of/mine/ioi.json", "reference": "/somewhere/else/true.json"},
        "the edges of ioi.json|compared with true.json",
    ),
    (
        "edges",
        {"edges": [f"a0.h{head}->logits" for head in range(8)]},
        "|".join([*(f"a0.h{head}->logits" for head in range(6)), "and 2 more edges"]),
    ),
    (
        "every",
        {"every": {"at_most": 1, "through": ["a*.h*", "m*"], "slots": "together"}},
        "every path from input to the logits with at most 1 node between, through a*.h*, m*, "
        "slots together",
    ),
]


@pytest.mark.parametrize(("entry", "said"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_an_entry_in_words(entry: dict[str, Any], said: str) -> None:
    lines = entry_text(entry).split("<br>")
    assert [html.unescape(re.sub("<[^>]*>", "", line)) for line in lines] == said.split("|")

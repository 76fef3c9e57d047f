"""Entries: every refusal, in full, and why a path matches nothing."""

from __future__ import annotations

import pytest

from hypotheses.small import GROUPS, MEMBER, refusal
from pathpatch_runner.config import HypothesisConfig, PathConfig
from pathpatch_runner.errors import ConfigError, ExpressionError, HypothesisError, Problems

ENTRY = "Expected a path expression or a list of them"


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        (PathConfig(), ConfigError, f".expr: missing. {ENTRY}"),
        (PathConfig(None), ConfigError, f".expr: missing. {ENTRY}"),
        (PathConfig(3), ConfigError, f".expr: 3 is not text. {ENTRY}"),
        (PathConfig({"a": 1}), ConfigError, f".expr: {{'a': 1}} is not text. {ENTRY}"),
        (PathConfig([]), ConfigError, f".expr: the list is empty. {ENTRY}"),
        (PathConfig(["m0 -> logits", 3]), ConfigError, f".expr[1]: 3 is not text. {ENTRY}"),
        (
            PathConfig(["m0 -> logits", "m0->logits"]),
            HypothesisError,
            '.expr[1]: "m0->logits" is the same path as hypotheses.h.paths.k.expr[0]. '
            "Remove one of the two",
        ),
        (
            PathConfig("input -> a1.h9<k> -> logits"),
            ExpressionError,
            '.expr: unknown node "a1.h9"\n  input -> a1.h9<k> -> logits\n           ^^^^^\n'
            '  layer 1 has heads 0-2. Did you mean "a1.h2"?',
        ),
        (
            PathConfig("m0 -> logits@S1"),
            ExpressionError,
            '.expr: unknown position "S1"\n  m0 -> logits@S1\n               ^^\n'
            "  positions that the dataset names: end.",
        ),
        (
            PathConfig("s -> logits", {"s": []}),
            HypothesisError,
            f".over.s: the variable has no values. {MEMBER}",
        ),
        (
            PathConfig("s -> logits", {"s": None}),
            HypothesisError,
            f".over.s: the variable has no values. {MEMBER}",
        ),
        (
            PathConfig("s -> logits", {"s": "m7"}),
            ExpressionError,
            '.over.s: unknown node "m7"\n  m7\n  ^^\n'
            '  this model has layers 0-1. Did you mean "m1"?',
        ),
        (
            PathConfig("prev -> logits", {"prev": "m*"}),
            HypothesisError,
            '.over.prev: "prev" is a group too. Rename the variable',
        ),
        (
            PathConfig("any -> logits", {"any": "m*"}),
            HypothesisError,
            '.over.any: "any" already means a node. Rename the variable',
        ),
        (
            PathConfig("m0 -> logits", {"s": "m*"}),
            HypothesisError,
            '.over.s: variable "s" is not used in the expression. Use it or remove it',
        ),
        (
            PathConfig("a1.h1 -> a0.h2<k> => logits"),
            HypothesisError,
            ".expr: the path matches nothing in this model\n  a1.h1 -> a0.h2<k> => logits\n"
            "  a1.h1 does not come before a0.h2<k>: a node reads what lower layers wrote, "
            "and an MLP the attention of its own layer",
        ),
        (
            PathConfig(["m0 -> m1 -> logits", "m1 -> m0\n  -> logits"]),
            HypothesisError,
            ".expr[1]: the path matches nothing in this model\n  m1 -> m0 -> logits\n"
            "  m1 does not come before m0: a node reads what lower layers wrote, "
            "and an MLP the attention of its own layer",
        ),
        (
            PathConfig("input -> !{a0, m1} -> a0.h1 -> logits"),
            HypothesisError,
            ".expr: the path matches nothing in this model\n"
            "  input -> !{a0, m1} -> a0.h1 -> logits\n"
            "  !{a0.h*,m1} does not come before a0.h1: a node reads what lower layers wrote, "
            "and an MLP the attention of its own layer",
        ),
        (
            PathConfig("!{input, any, logits} -> logits"),
            HypothesisError,
            ".expr: the path matches nothing in this model\n  !{input, any, logits} -> logits\n"
            "  no step of this model is !{input,any,logits}",
        ),
        (
            PathConfig("s -> r -> logits", {"s": "a1", "r": ["a0", "m0"]}),
            HypothesisError,
            ".expr: no values of s, r make the path match anything in this model\n"
            "  s -> r -> logits\n"
            "  a1.h* does not come before {a0.h*,m0}: a node reads what lower layers wrote, "
            "and an MLP the attention of its own layer",
        ),
        (
            PathConfig("s -> s -> logits", {"s": "any"}),
            HypothesisError,
            ".expr: no values of s make the path match anything in this model\n"
            "  s -> s -> logits\n"
            "  s stands in more than one place: there are values for each place alone, but no "
            "value that fits all of them at once; a node reads what lower layers wrote, and an "
            "MLP the attention of its own layer",
        ),
    ],
)
def test_bad_entry(path: PathConfig, kind: type[Exception], message: str) -> None:
    error = refusal(HypothesisConfig(GROUPS, {"k": path}), frozenset({"end"}))
    assert type(error) is kind
    assert str(error) == f"hypotheses.h.paths.k{message}"


def test_names_that_would_make_ids_ambiguous() -> None:
    error = refusal(HypothesisConfig(paths={"a+b": PathConfig("m0 -> logits")}))
    assert str(error) == (
        'hypotheses.h.paths.a+b: "a+b" cannot name a path: leave out white space and + [ ] = , |'
    )


def test_a_misspelt_variable_is_reported_from_both_ends() -> None:
    error = refusal(HypothesisConfig(paths={"k": PathConfig("ss -> logits", {"s": "m*"})}))
    assert isinstance(error, Problems)
    unused, unknown = map(str, error.problems)
    key = "hypotheses.h.paths.k"
    assert unused == (
        f'{key}.over.s: variable "s" is not used in the expression. Did you mean "ss"?'
    )
    assert unknown == (
        f'{key}.expr: unknown name "ss"\n  ss -> logits\n  ^^\n'
        '  groups and variables here: s. Nodes: "input", "logits", "any", "a0.h0", "m0". '
        'Did you mean "s"?'
    )

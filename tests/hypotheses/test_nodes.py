"""Groups: every refusal, in full."""

from __future__ import annotations

from typing import Any

import pytest

from hypotheses.small import FINE, MEMBER, refusal
from pathpatch_runner.config import HypothesisConfig, PathConfig
from pathpatch_runner.errors import ConfigError, ExpressionError, HypothesisError, Problems


@pytest.mark.parametrize(
    ("groups", "kind", "message"),
    [
        ({"m1": "a0"}, HypothesisError, '.m1: "m1" already means a node. Rename the group'),
        (
            {"x-y": "a0"},
            HypothesisError,
            '.x-y: "x-y" is not a name: use letters, digits and "_", and begin with a letter. '
            "Rename the group",
        ),
        ({"g": []}, HypothesisError, f".g: the group is empty. {MEMBER}"),
        ({"g": None}, HypothesisError, f".g: the group is empty. {MEMBER}"),
        (
            {"g": ["m0", 9.6]},
            ConfigError,
            ".g[1]: YAML reads 9.6 as a number. Write a head as a9.h6, or in quotes",
        ),
        ({"g": {"a": 1}}, ConfigError, f".g: {{'a': 1}} is not a node pattern. {MEMBER}"),
        (
            {"g": "a0.h7"},
            ExpressionError,
            '.g: unknown node "a0.h7"\n  a0.h7\n  ^^^^^\n'
            '  layer 0 has heads 0-2. Did you mean "a0.h2"?',
        ),
        (
            {"g": ["m0", "perv"], "prev": "m1"},
            ExpressionError,
            '.g[1]: unknown name "perv"\n  perv\n  ^^^^\n'
            '  groups and variables here: g, prev. Nodes: "input", "logits", "any", "a0.h0", "m0". '
            'Did you mean "prev"?',
        ),
        (
            {"a": ["b", "m0"], "b": "c", "c": "a", "uses": "a"},
            HypothesisError,
            ".a: groups name each other in a circle: a -> b -> c -> a",
        ),
        ({"a": "a"}, HypothesisError, ".a: groups name each other in a circle: a -> a"),
    ],
)
def test_bad_group(groups: dict[str, Any], kind: type[Exception], message: str) -> None:
    error = refusal(HypothesisConfig(groups, FINE))
    assert type(error) is kind
    assert str(error) == f"hypotheses.h.groups{message}"


def test_a_bad_group_is_reported_once_and_with_all_that_is_wrong() -> None:
    groups = {"g": ["a0.h7", "m0<k>", "x"], "uses": "g"}
    error = refusal(HypothesisConfig(groups, {"k": PathConfig("uses -> g -> logits")}))
    assert isinstance(error, Problems)
    assert [str(problem).splitlines()[0] for problem in error.problems] == [
        'hypotheses.h.groups.g[1]: unexpected "<"',
        'hypotheses.h.groups.g[0]: unknown node "a0.h7"',
        'hypotheses.h.groups.g[2]: unknown name "x"',
    ]

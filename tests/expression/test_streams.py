"""The residual stream in expressions: spelling, refusals, and which paths cross it."""

from __future__ import annotations

import pytest

from pathpatch_runner.errors import ExpressionError
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.canonical import route_text
from pathpatch_runner.expression.count import count_paths
from pathpatch_runner.expression.matching import matches_any_path
from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape
from reference.enumerated import members

# Nodes: 0 input, 1-2 a0.h0-1, 3 m0, 4-5 a1.h0-1, 6 m1, 7 logits.
GRAPH = Graph(ModelShape(2, 2, 4, 2, 7, 16))
SCOPE = Scope(GRAPH)


def paths(*texts: str) -> PathSet:
    return tuple(read_route(text, SCOPE) for text in texts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input => r1 @ S1 => logits", "input=>r1@S1=>logits"),
        ("r2@end -> logits", "r2@end->logits"),
        ("r0@S1-1 -> a0.h1<q> => logits", "r0@S1-1->a0.h1<q>=>logits"),
        ("m0 -[m*]-> r2 -> logits@end", "m0-[m*]->r2->logits@end"),
        ("{r1@S2, r1@S1} => logits", "{r1@S1,r1@S2}=>logits"),
        ("r1@[0] => r2@[-1] => logits", "r1@[0]=>r2@[-1]=>logits"),
    ],
)
def test_spelling(text: str, expected: str) -> None:
    assert route_text(read_route(text, SCOPE), GRAPH) == expected
    assert read_route(expected, SCOPE) == read_route(text, SCOPE)


ONE = 'one stream stands there, without "!": r5@S1, or {r5@S1, r5@S2}'


@pytest.mark.parametrize(
    ("text", "what", "caret", "hint"),
    [
        (
            "m0 -> r3@S1 => logits",
            'unknown stream "r3"',
            "      ^^",
            'this model has streams "r0" (what layer 0 reads) to "r2" (what logits read). '
            'Did you mean "r2"?',
        ),
        ("!r1@S1 => logits", '"!r1@S1" is not one stream', "^^^^^^", ONE),
        ("{r1@S1, m0} => logits", '"{r1@S1, m0}" is not one stream', "^^^^^^^^^^^", ONE),
        ("{r1@S1, r2@S1} => logits", '"{r1@S1, r2@S1}" is not one stream', "^" * 14, ONE),
        (
            "r1-2@S1 => logits",
            '"r1-2" is 2 streams',
            "^^^^",
            "one stream stands there. For several, let a variable range over them: "
            "over: {s: r*}, s@S1 => logits",
        ),
        (
            "input -[{m0, r1}]-> logits",
            '"r1" is no node',
            "             ^^",
            "a stream stands alone between two links: input => r5@S1 => logits",
        ),
        (
            "r1<q>@S1 => logits",
            'a stream has no slot "<q>"',
            "  ^^^",
            "slots belong to the node that reads it: r5@S1 -> a5.h1<q>",
        ),
        (
            "input => r1@S1",
            'a path must end in "logits"',
            "         ^^^^^",
            'end the path with "-> logits", "=> logits" or a position of it, "-> logits@end"',
        ),
        (
            "r2-1 => logits",
            'range "2-1" runs backwards',
            "^^^^",
            "write the smaller number first: 1-2",
        ),
    ],
)
def test_refused(text: str, what: str, caret: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        read_route(text, SCOPE)
    assert str(caught.value) == f"{what}\n  {text}\n  {caret}\n  {hint}"


@pytest.mark.parametrize(
    "text",
    [
        "r1 => logits",
        "r0 -> a0.h0<q> => logits",
        "input -> m0 => r1 -[a1]-> logits",
        "a0.h0 -> r1 -> logits",
        "a0.h0 -> r1 => logits",
        "m0 -> r2 -> logits",
        "r1 => r2 -> logits",
        "r1 -> r2 -> logits",
        "r0 => r1 -> r2 => logits",
        "input -[m*]-> r1 -> !{m1, a1.h0<q>} -> logits",
        "a0.h0 => r0 => logits",
        "a1.h0 => r1 => logits",
        "r2 -> a1.h0 -> logits",
        "r2 => r1 => logits",
    ],
)
def test_paths_that_cross_against_enumeration(text: str) -> None:
    found = paths(text)
    expected = members(found, GRAPH)
    assert count_paths(found, GRAPH) == len(expected)
    assert matches_any_path(found, GRAPH) == bool(expected)


def test_counted_by_hand() -> None:
    """Every path crosses every layer once. Straight from below layer 1 to the logits: input,
    with (1 + 6) (1 + 1) ways to end below; of these m0 is the writer of half."""
    every = count_paths(paths("input => logits"), GRAPH)
    assert count_paths(paths("r1 => logits"), GRAPH) == every == 14 * 14
    assert count_paths(paths("r1 -> logits"), GRAPH) == 14
    assert count_paths(paths("m0 -> r1 => logits"), GRAPH) == 7 * 14
    assert count_paths(paths("r1 -> a1.h0<q> -> logits"), GRAPH) == 14
    # An edge from below layer 1 into the logits crosses both layers, in whatever order named.
    assert count_paths(paths("r2 => r1 => logits"), GRAPH) == 14
    assert count_paths(paths("a1.h0 => r1 => logits"), GRAPH) == 0

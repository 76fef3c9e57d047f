"""Expressions on a model: nodes worked out by hand, and the text of every refusal."""

from __future__ import annotations

import pytest

from pathpatch_runner.errors import ExpressionError, Problems
from pathpatch_runner.expression.ast import Position, Route, StepPattern, Steps
from pathpatch_runner.expression.domain import nodes_domain
from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape

# Nodes: 0 input, 1-3 a0.h0-2, 4 m0, 5-7 a1.h0-2, 8 m1, 9 logits.
TWO_LAYERS = Graph(ModelShape(2, 3, 6, 2, 11, 16))
# Nodes: 0 input, 1-3 a0.h0-2, 4-6 a1.h0-2, 7 logits.
NO_MLPS = Graph(ModelShape(2, 3, 6, 2, 11, 16, attn_only=True))
# Nodes: 0 input, 1 a0, 2 m0, 3 a1, 4 m1, 5 logits.
WHOLE = Graph(ModelShape(2, 3, 6, 2, 11, 16, separable_heads=False))
SCOPE = Scope(
    TWO_LAYERS,
    groups={"early": frozenset({1, 2}), "mlps": frozenset({4, 8}), "ends": frozenset({0})},
    variables={"s": nodes_domain({1, 4})},
    position_names=frozenset({"end", "S1", "S2"}),
)


def first(text: str, scope: Scope = SCOPE) -> Steps:
    return read_route(f"{text} => logits", scope).sets[0]


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("input", {0}),
        ("any", {1, 2, 3, 4, 5, 6, 7, 8}),
        ("m*", {4, 8}),
        ("m1", {8}),
        ("a0", {1, 2, 3}),
        ("a*", {1, 2, 3, 5, 6, 7}),
        ("a0-1.h2", {3, 7}),
        ("a1.h0-1", {5, 6}),
        ("1.2", {7}),
        ("early", {1, 2}),
        ("s", {1, 4}),
        ("{a0.h0, early, m1}", {1, 2, 8}),
    ],
)
def test_nodes(text: str, nodes: set[int]) -> None:
    assert first(text) == Steps((StepPattern(frozenset(nodes)),))


def test_inseparable_heads_are_one_node() -> None:
    assert first("a1", Scope(WHOLE)) == Steps((StepPattern(frozenset({3})),))
    assert first("any", Scope(WHOLE)) == Steps((StepPattern(frozenset({1, 2, 3, 4})),))


def test_route() -> None:
    text = "input -> a0.h1<v~1> -[!{early<k>, m0@S1}]-> a1.h2<k,v@S2+1>@end -> logits@[-1]"
    steps = [
        StepPattern(frozenset({0})),
        StepPattern(frozenset({2}), frozenset("v"), back=(1, 1)),
        StepPattern(frozenset({7}), frozenset("kv"), write=Position("end"), read=Position("S2", 1)),
        StepPattern(frozenset({9}), write=Position(None, -1)),
    ]
    through = Steps(
        (
            StepPattern(frozenset({1, 2}), frozenset("k")),
            StepPattern(frozenset({4}), write=Position("S1")),
        ),
        negated=True,
    )
    expected = Route(tuple(Steps((pattern,)) for pattern in steps), (None, through, None))
    assert read_route(text, SCOPE) == expected


def test_a_set_is_a_set() -> None:
    """Members may overlap: a group beside one of its nodes, two patterns for the same head."""
    scope = Scope(Graph(ModelShape(2, 2, 4, 2, 7, 16)), {"late": frozenset({4, 5})})
    for text, same in (
        ("{a0-1.h1, a*.h1}", "a*.h1"),
        ("{late, a1.h0}", "a1"),
        ("{0.1, a0.h1}", "a0.h1"),
    ):
        assert first(text, scope) == first(same, scope)


def test_equal_sets_are_equal_however_written() -> None:
    merged = Steps(
        (
            StepPattern(frozenset({1, 2}), frozenset("k")),
            StepPattern(frozenset({8})),
        )
    )
    assert first("{early<k>, m1}") == merged
    assert first("{m1, a0.h1<k>, a0.h0<k>}") == merged


NODES = 'Nodes: "input", "logits", "any", "a0.h0", "m0".'
NAMES = f"groups and variables here: early, mlps, ends, s. {NODES}"
LOGITS = 'end the path with "-> logits", "=> logits" or a position of it, "-> logits@end"'


@pytest.mark.parametrize(
    ("text", "what", "caret", "hint"),
    [
        (
            "input -> a1.h9<k> -> logits",
            'unknown node "a1.h9"',
            "         ^^^^^",
            'layer 1 has heads 0-2. Did you mean "a1.h2"?',
        ),
        (
            "a*.h9 -> logits",
            'unknown node "a*.h9"',
            "^^^^^",
            'every layer has heads 0-2. Did you mean "a*.h2"?',
        ),
        (
            "L5H1 -> logits",
            'unknown node "L5H1"',
            "^^^^",
            'this model has layers 0-1. Did you mean "a1.h1"?',
        ),
        (
            "m0-2 -> logits",
            'unknown node "m0-2"',
            "^^^^",
            'this model has layers 0-1. Did you mean "m0-1"?',
        ),
        (
            "m1-0 -> logits",
            'range "1-0" runs backwards',
            "^^^^",
            "write the smaller number first: 0-1",
        ),
        (
            "erly -> logits",
            'unknown name "erly"',
            "^^^^",
            f'{NAMES} Did you mean "early"?',
        ),
        ("m -> logits", 'unknown name "m"', "^", f'{NAMES} Did you mean "m1"?'),
        ("zzz -> logits", 'unknown name "zzz"', "^^^", NAMES),
        (
            "m0 -> logits@ends",
            'unknown position "ends"',
            "             ^^^^",
            'positions that the dataset names: S1, S2, end. Did you mean "end"?',
        ),
        (
            "a0.h1<k @ S9 >@end -> logits",
            'unknown position "S9"',
            "          ^^",
            "positions that the dataset names: S1, S2, end.",
        ),
        (
            "m0@[16] -> logits",
            "position [16] is outside every prompt",
            "   ^^^^",
            "the model takes at most 16 positions: [0] to [15], or [-16] to [-1] from the end",
        ),
        (
            "m0<k> -> logits",
            '"m0" has no slot "<k>"',
            "  ^^^",
            'only heads have slots; "m0" reads through one slot, which has no name: '
            "write it without",
        ),
        (
            "mlps<k> -> logits",
            '"mlps" has no slot "<k>"',
            "    ^^^",
            'only heads have slots; "mlps" reads through one slot, which has no name: '
            "write it without",
        ),
        (
            "m0 -> logits<q>",
            '"logits" has no slot "<q>"',
            "            ^^^",
            'only heads have slots; "logits" reads through one slot, which has no name: '
            "write it without",
        ),
        (
            "input<v> -> logits",
            '"input" has no slot "<v>"',
            "     ^^^",
            'only heads have slots; "input" reads nothing: write it without',
        ),
        (
            "a0.h1<q~1> -> logits",
            '"<q~1>" reads a query elsewhere',
            "     ^^^^^",
            'a query is read where the head writes: only "~0" fits <q>. <k> and <v> can move',
        ),
        (
            "a0.h1<q,k~0-2> -> logits",
            '"<q,k~0-2>" reads a query elsewhere',
            "     ^^^^^^^^^",
            'a query is read where the head writes: only "~0" fits <q>. <k> and <v> can move',
        ),
        (
            "a0.h1<v~2-0> -> logits",
            'range "~2-0" runs backwards',
            "     ^^^^^^^",
            "write the nearer first: ~0-2",
        ),
        ("m0", 'a path must end in "logits"', "^^", LOGITS),
        ("m0 -> {m1, logits}", 'a path must end in "logits"', "      ^^^^^^^^^^^^", LOGITS),
        ("m0 -> !logits", 'a path must end in "logits"', "      ^^^^^^^", LOGITS),
        (
            "m0 -> input -> logits",
            '"input" inside a path',
            "      ^^^^^",
            'a path can only begin at "input", so nothing would match here',
        ),
        (
            "m0 -> {m1, ends} -> logits",
            '"input" inside a path',
            "           ^^^^",
            'a path can only begin at "input", so nothing would match here',
        ),
        (
            "logits -> m0 -> logits",
            '"logits" inside a path',
            "^^^^^^",
            'a path can only end at "logits", so nothing would match here',
        ),
        (
            "m0 -[{m1, input}]-> logits",
            '"input" inside a path',
            "          ^^^^^",
            'a path can only begin at "input", so nothing would match here',
        ),
        (
            "{a0.h1<k>, a0.h1< k >} -> logits",
            '"a0.h1< k >" stands twice in one set',
            "           ^^^^^^^^^^",
            "remove one of the two",
        ),
        ("{s, s} -> logits", '"s" stands twice in one set', "    ^", "remove one of the two"),
    ],
)
def test_refused(text: str, what: str, caret: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        read_route(text, SCOPE, "key")
    assert str(caught.value) == f"key: {what}\n  {text}\n  {caret}\n  {hint}"


def test_all_problems_of_an_expression_from_left_to_right() -> None:
    with pytest.raises(Problems) as caught:
        read_route("a9.h1 -> m0<q> -[m7]-> a1@there -> any", SCOPE)
    assert [str(problem).splitlines()[0] for problem in caught.value.problems] == [
        'unknown node "a9.h1"',
        '"m0" has no slot "<q>"',
        'unknown node "m7"',
        'unknown position "there"',
        'a path must end in "logits"',
    ]


def test_model_without_mlps() -> None:
    with pytest.raises(ExpressionError) as caught:
        read_route("m0 => logits", Scope(NO_MLPS))
    message = 'unknown node "m0"\n  m0 => logits\n  ^^\n  this model is attention-only: '
    assert str(caught.value) == message + "it has no MLPs"


def test_model_whose_heads_are_one_node() -> None:
    with pytest.raises(ExpressionError) as caught:
        read_route("a0-1.h2<k> => logits", Scope(WHOLE))
    assert str(caught.value) == (
        'no single heads "a0-1.h2"\n  a0-1.h2<k> => logits\n  ^^^^^^^\n'
        "  a norm after the attention makes the heads of a layer one node of this model: "
        'write "a0-1"'
    )


@pytest.mark.parametrize(
    "text",
    [
        "logits",
        "logits@end",
        "{input, a0.h1} -> logits",
        "!{input} -> logits",
        "a0.h1<q~0> -> logits",
        "any<k> -> logits",
        "m0 -[!input]-> logits",
        "m0@[-16] -> logits@[15]",
    ],
)
def test_allowed(text: str) -> None:
    read_route(text, SCOPE)


def test_an_index_beyond_the_longest_prompt() -> None:
    scope = Scope(TWO_LAYERS, lengths=frozenset({4, 6}))
    read_route("m0@[5] -> logits@[-6]", scope)
    for index in (6, -7):
        with pytest.raises(ExpressionError, match="is outside every prompt") as caught:
            read_route(f"m0@[{index}] -> logits", scope)
        hint = "the longest has 6 tokens: [0] to [5], or [-6] to [-1] from the end"
        assert hint in str(caught.value)


def test_positions_are_not_checked_before_they_are_known() -> None:
    route = read_route("m0@nobody_knows -> logits", Scope(TWO_LAYERS))
    assert route.sets[0].patterns[0].write == Position("nobody_knows")
    with pytest.raises(ExpressionError, match="positions that the dataset names: none"):
        read_route("m0@end -> logits", Scope(TWO_LAYERS, position_names=frozenset()))

"""Form of expressions: what every spelling is read as, and the text of every syntax error."""

from __future__ import annotations

import pytest

from pathpatch_runner.errors import ExpressionError
from pathpatch_runner.expression.ast import NodePattern, Position, Span
from pathpatch_runner.expression.parse import name_problem, parse, parse_node

ANY = ("any", None, None, None)


def facts(node: NodePattern) -> tuple[object, ...]:
    return node.kind, node.layers, node.heads, node.name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input", ("input", None, None, None)),
        ("logits", ("logits", None, None, None)),
        ("any", ANY),
        ("m3", ("m", (3, 3), None, None)),
        ("m*", ("m", None, None, None)),
        ("m0-2", ("m", (0, 2), None, None)),
        ("a4", ("a", (4, 4), None, None)),
        ("a*", ("a", None, None, None)),
        ("a12.h10", ("h", (12, 12), (10, 10), None)),
        ("a0-2.h*", ("h", (0, 2), None, None)),
        ("a*.h3-5", ("h", None, (3, 5), None)),
        ("9.6", ("h", (9, 9), (6, 6), None)),
        ("10.11", ("h", (10, 10), (11, 11), None)),
        ("a9.6", ("h", (9, 9), (6, 6), None)),
        ("L9H6", ("h", (9, 9), (6, 6), None)),
        ("l9h6", ("h", (9, 9), (6, 6), None)),
        ("movers", ("name", None, None, "movers")),
        ("m", ("name", None, None, "m")),
        ("a1x", ("name", None, None, "a1x")),
        ("inputs", ("name", None, None, "inputs")),
    ],
)
def test_node(text: str, expected: tuple[object, ...]) -> None:
    assert facts(parse_node(text)) == expected


def test_sets_and_links() -> None:
    read = parse("!{a0.h1, m*} -> s => r -[ ! m0 ]-> {a1 , x} -[{m1,m2}]-> logits")
    assert [len(steps.atoms) for steps in read.sets] == [2, 1, 1, 2, 1]
    assert [steps.negated for steps in read.sets] == [True, False, False, False, False]
    through = [None if link is None else [facts(a.node) for a in link.atoms] for link in read.links]
    assert through == [
        None,
        [ANY],
        [("m", (0, 0), None, None)],
        [("m", (1, 1), None, None), ("m", (2, 2), None, None)],
    ]
    assert [link.negated for link in read.links if link is not None] == [False, True, False]


@pytest.mark.parametrize(
    ("text", "slots", "read", "back", "write"),
    [
        ("a0.h1<k>", {"k"}, None, None, None),
        ("a0.h1<k,v@S1>", {"k", "v"}, Position("S1"), None, None),
        ("a0.h1< v ~ 1 >", {"v"}, None, (1, 1), None),
        ("a0.h1<v~0-2>@end", {"v"}, None, (0, 2), Position("end")),
        ("a0.h1<v@[-1]>@[3]", {"v"}, Position(None, -1), None, Position(None, 3)),
        ("a0.h1<q @ S1 - 1>@S1+2", {"q"}, Position("S1", -1), None, Position("S1", 2)),
    ],
)
def test_slots_and_positions(
    text: str,
    slots: set[str],
    read: Position | None,
    back: tuple[int, int] | None,
    write: Position | None,
) -> None:
    atom = parse(f"{text} -> logits").sets[0].atoms[0]
    assert atom.slot is not None
    assert atom.slot.slots == frozenset(slots)
    assert (atom.slot.read, atom.slot.back) == (read, back)
    assert atom.write == write
    assert atom.span == Span(0, len(text))


@pytest.mark.parametrize(
    ("text", "write", "link_is_set"),
    [
        ("a0->logits", None, False),
        ("a0-[m0]->logits", None, True),
        ("m0-1->logits", None, False),
        ("m0-1-[m*]->logits", None, True),
        ("m0@S1->logits", Position("S1"), False),
        ("m0@S1-1->logits", Position("S1", -1), False),
        ("m0@S1-[m1]->logits", Position("S1"), True),
        ("m0@S1-1-[m1]->logits", Position("S1", -1), True),
        ("m0@[3]-[m1]->logits", Position(None, 3), True),
        ("m0@[-3]->logits", Position(None, -3), False),
        ("m0@end=>logits", Position("end"), True),
    ],
)
def test_hyphens(text: str, write: Position | None, link_is_set: bool) -> None:
    for spelling in (text, text.replace("->", " -> ").replace("-[", " -[ ")):
        read = parse(spelling)
        assert len(read.sets) == 2
        assert read.sets[0].atoms[0].write == write
        assert (read.links[0] is not None) == link_is_set


NODE = (
    'expected a node: "input", "logits", "any", an MLP "m0", a head "a0.h3", '
    'all heads of a layer "a0", what layer 0 reads "r0", or the name of a group or variable'
)
LINK = 'expected a link: "->" (directly), "=>" (through any nodes) or "-[set]->"'
POSITION = 'expected a position: a name such as "end" or "S1-1", or an index, "[3]"'
SLOT = "expected q, k or v: <q>, <k,v>, <k@S1>, <v~1>"


@pytest.mark.parametrize(
    ("text", "what", "caret", "hint"),
    [
        (
            "",
            "empty path expression",
            "^",
            'write a path that ends in logits, such as "input -> a0.h3<v> -> logits"',
        ),
        (
            "=> logits",
            "the path begins with a link",
            "^^",
            "name the step that it leaves before it",
        ),
        ("m0 ->", "the path ends with a link", "   ^^", 'write "logits" after it'),
        ("m0 -[m1]-> ", "the path ends with a link", "   ^^^^^^^", 'write "logits" after it'),
        ("m0 -> -> logits", 'unexpected "->"', "      ^^", NODE),
        ("{} -> logits", "empty set", "^^", "name at least one node between the braces"),
        ("{m0, -> logits", 'unexpected "->"', "     ^^", NODE),
        ("{m0 -> logits", 'unexpected "->"', "    ^^", 'expected "," or "}"'),
        ("{m0, m1", '"{" is never closed', "^", 'expected "," or "}"'),
        (
            "{m0, !m1} -> logits",
            'unexpected "!"',
            "     ^",
            '"!" stands before the braces: !{a0.h3, a1.h5}',
        ),
        ("m0 m1 -> logits", 'unexpected "m1"', "   ^^", LINK),
        ("m0 > logits", 'unexpected ">"', "   ^", LINK),
        ("m0 - logits", 'unexpected "-"', "   ^", LINK),
        (
            "m0, m1 -> logits",
            'unexpected ","',
            "  ^",
            "several steps are written in braces: {a0.h3, a1.h5}",
        ),
        (
            "m0 <- logits",
            'unexpected "<"',
            "   ^",
            'paths are written in the order of the computation, with "->"',
        ),
        ("m0 -[]-> logits", "the link names no nodes", "   ^^^", LINK),
        (
            "m0 -[m1,m2]-> logits",
            'unexpected ","',
            "       ^",
            "several steps are written in braces: -[{a0.h3, a1.h5}]->",
        ),
        ("m0 -[m1> logits", 'unexpected ">"', "       ^", 'expected "]->" at the end of the link'),
        (
            "m0 -[m1] logits",
            'unexpected "logits"',
            "         ^^^^^^",
            'expected "]->" at the end of the link',
        ),
        ("a0.foo -> logits", 'unexpected ".foo"', "  ^^^^", LINK),
        ("9 -> logits", 'unexpected "9"', "^", NODE),
        ("a0.h1<> -> logits", 'unexpected ">"', "      ^", SLOT),
        (
            "a0.h1<k,w> -> logits",
            'unexpected "w"',
            "        ^",
            "expected q, k or v. A variable of slots stands alone: <x>",
        ),
        ("a0.h1<k,k> -> logits", 'slot "k" twice', "        ^", "name each slot once"),
        (
            "a0.h1<k -> logits",
            'unexpected "->"',
            "        ^^",
            'expected ">" at the end of the slot',
        ),
        (
            "a0.h1<v~-1> -> logits",
            'unexpected "-"',
            "        ^",
            "expected how many positions back the slot reads: ~0 (the same), ~1, ~0-2",
        ),
        (
            "a0.h1@end<k> -> logits",
            'unexpected "<"',
            "         ^",
            'a step is a node, then "<slot>", then "@position", once each',
        ),
        (
            "{m0, m1}@S1 -> logits",
            'unexpected "@"',
            "        ^",
            "write it at each node, inside the braces: {m0@S1, m1@S1}",
        ),
        ("m0@ -> logits", 'unexpected "->"', "    ^^", POSITION),
        ("m0@3 -> logits", 'unexpected "3"', "   ^", 'an index stands in brackets: "[3]"'),
        (
            "m0 -> logits@S1+",
            "the expression ends too early",
            "                ^",
            "expected how many positions after it, as in S1+1",
        ),
    ],
)
def test_syntax_error(text: str, what: str, caret: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text, "hypotheses.h.paths.k.expr")
    assert str(caught.value) == f"hypotheses.h.paths.k.expr: {what}\n  {text}\n  {caret}\n  {hint}"


def test_line_breaks_keep_the_caret_in_place() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("m0\n->\tm1 m2 -> logits")
    assert str(caught.value) == f'unexpected "m2"\n  m0 -> m1 m2 -> logits\n           ^^\n  {LINK}'


@pytest.mark.parametrize(
    ("text", "what", "caret", "hint"),
    [
        (" ", "empty node pattern", "^", 'write a node pattern such as "a0.h3", "m*" or "any"'),
        (
            "{m0, m1}",
            'unexpected "{"',
            "^",
            "expected one node pattern; several are a list: [a0.h3, a1.h5]",
        ),
        (
            "!m0",
            'unexpected "!"',
            "^",
            "expected one node pattern; several are a list: [a0.h3, a1.h5]",
        ),
        (
            "m0, m1",
            'unexpected ","',
            "  ^",
            "expected one node pattern; several are a list: [a0.h3, a1.h5]",
        ),
        (
            "a0.h1<k>",
            'unexpected "<"',
            "     ^",
            "slots and positions belong in the path: groups and variables name nodes only",
        ),
        (
            "a0.h1@end",
            'unexpected "@"',
            "     ^",
            "slots and positions belong in the path: groups and variables name nodes only",
        ),
    ],
)
def test_node_error(text: str, what: str, caret: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_node(text, "key")
    assert str(caught.value) == f"key: {what}\n  {text}\n  {caret}\n  {hint}"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("movers", None),
        ("s", None),
        ("m", None),
        ("_x1", None),
        ("m1", '"m1" already means a node'),
        ("input", '"input" already means a node'),
        ("L0H1", '"L0H1" already means a node'),
        ("a0", '"a0" already means a node'),
        (
            "prev-token",
            '"prev-token" is not a name: use letters, digits and "_", and begin with a letter',
        ),
        ("", '"" is not a name: use letters, digits and "_", and begin with a letter'),
    ],
)
def test_names(name: str, problem: str | None) -> None:
    assert name_problem(name) == problem

"""Path expressions as text -> `PathExpression`: recursive descent, one function per rule.

    path = set { link set }              link = "->" | "=>" | "-[" set "]->"
    set  = ["!"] atom | ["!"] "{" atom { "," atom } "}"
    atom = node [slot] ["@" pos]
    node = "input" | "logits" | "any" | "m" idx | "a" idx | "a" idx ".h" idx | "r" idx | NAME
    idx  = INT | INT "-" INT | "*"
    slot = "<" ( s { "," s } | NAME ) [ "@" pos | "~" back ] ">"       s is q, k or v
    pos  = NAME [ ("+"|"-") INT ] | "[" INT "]"
    back = INT | INT "-" INT

`9.6`, `a9.6` and `L9H6` are read as `a9.h6`. `r5` is the residual stream that layer 5 reads. A
NAME is a group, or a variable of `over:` that ranges over nodes or streams; within `< >` one
that ranges over slots; after `@` a position, or a variable that ranges over positions.

Only the form is checked here, and the first mistake in it is raised; what the parts mean on a
model is `resolve`'s to say.
"""

from __future__ import annotations

import re

from pathpatch_runner.expression.ast import (
    Atom,
    NodePattern,
    PathExpression,
    Position,
    SlotConstraint,
    Span,
    StepSet,
)
from pathpatch_runner.expression.scan import INTEGER, NAME, Cursor
from pathpatch_runner.graph import ATTENTION_SLOTS

KEYWORDS = ("input", "logits", "any")

# Nine digits are plenty; Python refuses to read numbers of thousands.
_INT = "[0-9]{1,9}(?![0-9])"
_INDEX = rf"({_INT}(?:\s*-\s*{_INT})?|\*)"
_END = r"(?![A-Za-z0-9_])"
_NODES = tuple(
    (kind, re.compile(pattern + _END))
    for kind, pattern in (
        ("h", rf"a{_INDEX}\.h?{_INDEX}"),
        ("h", rf"[Ll]{_INDEX}[Hh]{_INDEX}"),
        ("h", rf"{_INDEX}\.{_INDEX}"),
        ("a", rf"a{_INDEX}"),
        ("m", rf"m{_INDEX}"),
        ("r", rf"r{_INDEX}"),
    )
)
_OFFSET = re.compile(rf"([+-])\s*({_INT})")
_ABSOLUTE = re.compile(rf"\[\s*(-?)\s*({_INT})\s*\]")
_BACK = re.compile(rf"({_INT})(?:\s*-\s*({_INT}))?")

_NODE_HINT = (
    'expected a node: "input", "logits", "any", an MLP "m0", a head "a0.h3", '
    'all heads of a layer "a0", what layer 0 reads "r0", or the name of a group or variable'
)
_LINK_HINT = 'expected a link: "->" (directly), "=>" (through any nodes) or "-[set]->"'
_POSITION_HINT = 'expected a position: a name such as "end" or "S1-1", or an index, "[3]"'


def parse(text: str, where: str = "") -> PathExpression:
    """Read one expression that stands at the config key `where`. Raises ExpressionError."""
    cursor = Cursor(text, where)
    if cursor.at_end():
        hint = 'write a path that ends in logits, such as "input -> a0.h3<v> -> logits"'
        raise cursor.error("empty path expression", Span(0, 1), hint)
    if _sees_link(cursor):
        hint = "name the step that it leaves before it"
        raise cursor.error("the path begins with a link", cursor.next_word(), hint)
    sets, links = [_set(cursor)], []
    while not cursor.at_end():
        start = cursor.at
        links.append(_link(cursor))
        if cursor.at_end():
            span = Span(start, len(text.rstrip()))
            raise cursor.error("the path ends with a link", span, 'write "logits" after it')
        sets.append(_set(cursor))
    return PathExpression(text, tuple(sets), tuple(links))


def parse_node(text: str, where: str = "") -> NodePattern:
    """Read one node pattern without slot or position, as groups and families have them."""
    cursor = Cursor(text, where)
    if cursor.at_end():
        hint = 'write a node pattern such as "a0.h3", "m*" or "any"'
        raise cursor.error("empty node pattern", Span(0, 1), hint)
    if cursor.sees("{") or cursor.sees("!"):
        raise cursor.unexpected("expected one node pattern; several are a list: [a0.h3, a1.h5]")
    node = _node(cursor)
    if cursor.sees("<") or cursor.sees("@"):
        hint = "slots and positions belong in the path: groups and variables name nodes only"
        raise cursor.unexpected(hint)
    if not cursor.at_end():
        raise cursor.unexpected("expected one node pattern; several are a list: [a0.h3, a1.h5]")
    return node


def parse_position(text: str, where: str = "") -> Position:
    """Read one position as it stands after `@`: `S1`, `end-1`, `[3]`."""
    cursor = Cursor(text, where)
    if cursor.at_end():
        raise cursor.error("empty position", Span(0, 1), _POSITION_HINT)
    position = _position(cursor)
    if not cursor.at_end():
        raise cursor.unexpected("expected one position; several are a list: [S1, S2, end]")
    return position


def name_problem(name: str) -> str | None:
    """Why `name` cannot name a group or variable; None if it can."""
    if any(pattern.fullmatch(name) for _, pattern in _NODES) or name in KEYWORDS:
        what = "a residual stream" if name.startswith("r") else "a node"
        return f'"{name}" already means {what}'
    if NAME.fullmatch(name) is None:
        return f'"{name}" is not a name: use letters, digits and "_", and begin with a letter'
    return None


def _sees_link(cursor: Cursor) -> bool:
    return any(cursor.sees(link) for link in ("->", "=>", "-["))


def _link(cursor: Cursor) -> StepSet | None:
    start = cursor.skip()
    if cursor.accept("->"):
        return None
    if cursor.accept("=>"):
        span = cursor.span(start)
        every = NodePattern("any", None, None, None, span)
        return StepSet((Atom(every, None, None, span),), False, span)
    if not cursor.accept("-["):
        if cursor.sees(","):
            raise cursor.unexpected("several steps are written in braces: {a0.h3, a1.h5}")
        if cursor.sees("<") or cursor.sees("@"):
            if cursor.text[:start].rstrip().endswith("}"):
                raise cursor.unexpected("write it at each node, inside the braces: {m0@S1, m1@S1}")
            raise cursor.unexpected('a step is a node, then "<slot>", then "@position", once each')
        raise cursor.unexpected(_LINK_HINT)
    if cursor.sees("]"):
        cursor.accept("]")
        raise cursor.error("the link names no nodes", cursor.span(start), _LINK_HINT)
    steps = _set(cursor)
    if cursor.sees(","):
        raise cursor.unexpected("several steps are written in braces: -[{a0.h3, a1.h5}]->")
    if not cursor.accept("]") or not cursor.accept("->"):
        raise cursor.unexpected('expected "]->" at the end of the link')
    return steps


def _set(cursor: Cursor) -> StepSet:
    start = cursor.skip()
    negated = cursor.accept("!")
    brace = cursor.skip()
    if not cursor.accept("{"):
        atom = _atom(cursor)
        return StepSet((atom,), negated, cursor.span(start))
    if cursor.accept("}"):
        hint = "name at least one node between the braces"
        raise cursor.error("empty set", cursor.span(brace), hint)
    atoms = [_member(cursor)]
    while cursor.accept(","):
        atoms.append(_member(cursor))
    if cursor.at_end():
        raise cursor.error('"{" is never closed', Span(brace, brace + 1), 'expected "," or "}"')
    if not cursor.accept("}"):
        raise cursor.unexpected('expected "," or "}"')
    return StepSet(tuple(atoms), negated, cursor.span(start))


def _member(cursor: Cursor) -> Atom:
    if cursor.sees("!"):
        raise cursor.unexpected('"!" stands before the braces: !{a0.h3, a1.h5}')
    return _atom(cursor)


def _atom(cursor: Cursor) -> Atom:
    start = cursor.skip()
    node = _node(cursor)
    if cursor.sees("<-"):
        raise cursor.unexpected('paths are written in the order of the computation, with "->"')
    slot = _slot(cursor) if cursor.sees("<") else None
    end = node.span.end if slot is None else slot.span.end
    write = None
    if cursor.accept("@"):
        write = _position(cursor)
        end = cursor.at
    cursor.at = end
    return Atom(node, slot, write, Span(start, end))


def _node(cursor: Cursor) -> NodePattern:
    start = cursor.skip()
    for kind, pattern in _NODES:
        found = cursor.match(pattern)
        if found is not None:
            layers, *heads = (_index(part) for part in found.groups())
            return NodePattern(kind, layers, heads[0] if heads else None, None, cursor.span(start))
    found = cursor.match(NAME)
    if found is None:
        raise cursor.unexpected(_NODE_HINT)
    word, span = found.group(), cursor.span(start)
    if word in KEYWORDS:
        return NodePattern(word, None, None, None, span)
    return NodePattern("name", None, None, word, span)


def _index(text: str) -> tuple[int, int] | None:
    if text == "*":
        return None
    numbers = [int(number) for number in text.split("-")]
    return numbers[0], numbers[-1]


def _slot(cursor: Cursor) -> SlotConstraint:
    start = cursor.skip()
    cursor.accept("<")
    slots, variable = _slot_names(cursor)
    read, back = None, None
    if cursor.accept("@"):
        read = _position(cursor)
    elif cursor.accept("~"):
        back = _back(cursor)
    if not cursor.accept(">"):
        raise cursor.unexpected('expected ">" at the end of the slot')
    return SlotConstraint(frozenset(slots), read, back, cursor.span(start), variable)


def _slot_names(cursor: Cursor) -> tuple[list[str], str | None]:
    """The slots named, or none and the name of a variable."""
    slots: list[str] = []
    while True:
        span = cursor.next_word()
        found = cursor.match(NAME)
        if found is None:
            raise cursor.unexpected("expected q, k or v: <q>, <k,v>, <k@S1>, <v~1>")
        name = found.group()
        if name in slots:
            raise cursor.error(f'slot "{name}" twice', span, "name each slot once")
        if name not in ATTENTION_SLOTS:
            if slots or cursor.sees(","):
                hint = "expected q, k or v. A variable of slots stands alone: <x>"
                raise cursor.error(f'unexpected "{name}"', span, hint)
            return [], name
        slots.append(name)
        if not cursor.accept(","):
            return slots, None


def _back(cursor: Cursor) -> tuple[int, int]:
    found = cursor.match(_BACK)
    if found is None:
        hint = "expected how many positions back the slot reads: ~0 (the same), ~1, ~0-2"
        raise cursor.unexpected(hint)
    least, most = found.groups()
    return int(least), int(least if most is None else most)


def _position(cursor: Cursor) -> Position:
    found = cursor.match(_ABSOLUTE)
    if found is not None:
        return Position(None, int(found.group(1) + found.group(2)))
    name = cursor.match(NAME)
    if name is None:
        number = INTEGER.match(cursor.text, cursor.skip())
        if number is not None:
            raise cursor.unexpected(f'an index stands in brackets: "[{number.group()}]"')
        raise cursor.unexpected(_POSITION_HINT)
    end = cursor.at
    offset = cursor.match(_OFFSET)
    if offset is not None:
        return Position(name.group(), int(offset.group(1) + offset.group(2)))
    if cursor.accept("+"):
        raise cursor.unexpected("expected how many positions after it, as in S1+1")
    cursor.at = end
    return Position(name.group())

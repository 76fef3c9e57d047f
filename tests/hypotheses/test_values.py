"""Variables over streams, slots and positions: bindings, texts, and every refusal in full."""

from __future__ import annotations

from typing import Any

import pytest

from hypotheses.small import GRAPH, GROUPS
from pathpatch_runner.config import HypothesisConfig, PathConfig, UnitKind
from pathpatch_runner.errors import ConfigError, ExpressionError, HypothesisError
from pathpatch_runner.expression.ast import Position
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis import Hypotheses, resolve_hypotheses

NAMES = frozenset({"S1", "S2", "end"})
ONE_LENGTH = frozenset({3})


def family(
    expr: str,
    over: dict[str, Any],
    lengths: frozenset[int] | None = ONE_LENGTH,
    graph: Graph = GRAPH,
) -> Hypotheses:
    config = HypothesisConfig(groups=GROUPS, paths={"e": PathConfig(expr, over)})
    kinds = [UnitKind.path, UnitKind.hypothesis]
    return resolve_hypotheses({"h": config}, kinds, graph, NAMES, lengths)


def rows(found: Hypotheses) -> list[tuple[tuple[str, ...], str]]:
    return [(tuple(text for _, text in unit.binding), unit.path) for unit in found.units[:-1]]


def test_slots() -> None:
    found = family("r<x> -> logits", {"x": ["v", "q"], "r": ["a1.h0", "m0"]})
    assert rows(found) == [
        (("q", "a1.h0"), "a1.h0<q>->logits"),
        (("v", "a1.h0"), "a1.h0<v>->logits"),
    ]
    # An MLP has no such slot.
    assert found.bindings_left_out == 2
    assert len(family("a1.h0<x> -> logits", {"x": "slots"}).units) == 3 + 1
    assert rows(family("a1.h0<x> -> logits", {"x": "k"})) == [(("k",), "a1.h0<k>->logits")]


def test_slots_with_a_distance() -> None:
    found = family("a1.h0<x~1>@end -> logits", {"x": ["k", "v"]})
    assert [path for _, path in rows(found)] == [f"a1.h0<{x}~1>@end->logits" for x in "kv"]


def test_positions_by_name_and_by_index() -> None:
    found = family("m1@p -> logits", {"p": ["S1", "end-1", 0, "[-1]", "S1"]})
    expected = ["S1", "end-1", "[0]", "[-1]"]
    assert rows(found) == [((text,), f"m1@{text}->logits") for text in expected]
    assert found.units[-1].path == "{m1@S1,m1@[-1],m1@[0],m1@end-1}->logits"
    assert found.positions == {
        Position("S1"),
        Position("end", -1),
        Position(None, 0),
        Position(None, -1),
    }


def test_positions_read_and_offset() -> None:
    found = family("a1.h0<k@p+1>@end -> logits", {"p": ["S1", 2]})
    assert [path for _, path in rows(found)] == [
        "a1.h0<k@S1+1>@end->logits",
        "a1.h0<k@[3]>@end->logits",
    ]
    assert found.positions == {Position("S1", 1), Position(None, 3), Position("end")}


def test_one_variable_at_several_places_is_one_position() -> None:
    found = family("m0@p -> a1.h0<v@p> -> logits", {"p": ["S1", "S2"]})
    assert [path for _, path in rows(found)] == [
        f"m0@{p}->a1.h0<v@{p}>->logits" for p in ("S1", "S2")
    ]
    assert len(found.units[-1].paths) == 2


def test_layer_by_position() -> None:
    """The usual picture of residual-stream patching is one entry."""
    found = family("s@p => logits", {"s": "r*", "p": "all"})
    assert rows(found) == [
        ((f"r{layer}", f"[{position}]"), f"r{layer}@[{position}]=>logits")
        for layer in range(3)
        for position in range(3)
    ]
    whole = found.units[-1]
    assert len(whole.paths) == 9
    assert whole.path == "s@p=>logits[s={r0,r1,r2},p={[0],[1],[2]}]"


def test_everything_open() -> None:
    found = family("s -[m*]-> r<x@p>@end -> logits", {"s": "m0", "r": "a1", "x": "k", "p": "S1"})
    assert rows(found)[0] == (("m0", "a1.h0", "k", "S1"), "m0-[m*]->a1.h0<k@S1>@end->logits")
    assert found.units[-1].path == "m0-[m*]->a1.h*<k@S1>@end->logits"


def test_a_large_family_over_all_three() -> None:
    graph = Graph(ModelShape(12, 12, 768, 64, 50257, 1024))
    over = {"s": "a*.h*", "x": "slots", "p": "all"}
    found = family("s<x>@p => logits", over, frozenset({24}), graph)
    assert len(found.units) - 1 == 144 * 3 * 24
    assert found.units[0].path == "a0.h0<q>@[0]=>logits"
    assert found.units[-2].path_id == "e[s=a11.h11,x=v,p=[23]]"


SLOTS = "Expected q, k, v, a list of these, or `slots` for all three."
POSITIONS = (
    'Expected a position ("S1", "end-1", an index such as 3), a list of these, or `all` for every '
    "index of the prompt"
)


@pytest.mark.parametrize(
    ("expr", "over", "kind", "message"),
    [
        (
            "s<x> -> x -> logits",
            {"s": "a0", "x": "slots"},
            HypothesisError,
            ".over.x: the variable stands for a node and for a slot in the expression. "
            "Give each its own variable",
        ),
        (
            "a1.h0<x@x> -> logits",
            {"x": "slots"},
            HypothesisError,
            ".over.x: the variable stands for a slot and for a position in the expression. "
            "Give each its own variable",
        ),
        (
            "s@S1 => logits",
            {"s": ["r0", "m0"]},
            HypothesisError,
            ".over.s: nodes and streams in one variable. Use two entries, one for each",
        ),
        (
            "s@S1 => logits",
            {"s": "r7"},
            ExpressionError,
            '.over.s: unknown stream "r7"\n  r7\n  ^^\n  this model has streams "r0" (what layer '
            '0 reads) to "r2" (what logits read). Did you mean "r2"?',
        ),
        (
            "input -[s]-> logits",
            {"s": "r*"},
            ExpressionError,
            '.expr: "s" stands for streams, which are no nodes\n  input -[s]-> logits\n'
            "          ^\n  a stream stands alone between two links: input => s@S1 => logits",
        ),
        (
            "m0@end => logits",
            {"end": ["S1"]},
            HypothesisError,
            '.over.end: "end" is a position that the dataset names too. Rename the variable',
        ),
        (
            "m0@p => logits",
            {"p": ["S1", "ned"]},
            ExpressionError,
            '.over.p[1]: unknown position "ned"\n  ned\n  ^^^\n  positions that the dataset names: '
            'S1, S2, end. Did you mean "end"?',
        ),
        (
            "m0@p => logits",
            {"p": 2.5},
            ConfigError,
            f".over.p: 2.5 is not a position. {POSITIONS}",
        ),
        (
            "m0@p => logits",
            {"p": []},
            HypothesisError,
            f".over.p: the variable has no values. {POSITIONS}",
        ),
        (
            "m0@p => logits",
            {"p": 99},
            ExpressionError,
            ".over.p: position [99] is outside every prompt\n  [99]\n  ^^^^\n"
            "  the longest has 3 tokens: [0] to [2], or [-3] to [-1] from the end",
        ),
        (
            "a1.h0<x> => logits",
            {"x": "slot"},
            HypothesisError,
            f".over.x: 'slot' is not a slot. {SLOTS} Did you mean \"slots\"?",
        ),
        (
            "a1.h0<x> => logits",
            {"x": None},
            HypothesisError,
            f".over.x: the variable has no values. {SLOTS}",
        ),
        (
            "a1.h0<y> => logits",
            {},
            ExpressionError,
            '.expr: unknown slot "y"\n  a1.h0<y> => logits\n        ^\n'
            "  expected q, k or v: <q>, <k,v>, <k@S1>, <v~1>, or a variable of `over:` that ranges "
            "over slots: {x: [q, k, v]}.",
        ),
        (
            "a1.h0<x~1> => logits",
            {"x": "slots"},
            ExpressionError,
            '.expr: "<x~1>" reads a query elsewhere\n  a1.h0<x~1> => logits\n       ^^^^^\n'
            '  a query is read where the head writes: only "~0" fits <q>. <k> and <v> can move',
        ),
        (
            "m0 => logits",
            {"p": "all"},
            HypothesisError,
            '.over.p: variable "p" is not used in the expression. Use it or remove it',
        ),
        (
            "r2@S1 -> a1.h0 -> logits",
            {},
            HypothesisError,
            ".expr: the path matches nothing in this model\n  r2@S1 -> a1.h0 -> logits\n"
            "  a1.h0 does not read r2@S1, or anything after it: a node reads what lower layers "
            "wrote, and an MLP the attention of its own layer",
        ),
    ],
)
def test_refused(expr: str, over: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(ValueError, match=r"hypotheses\.h") as caught:
        family(expr, over)
    assert type(caught.value) is kind
    assert str(caught.value) == f"hypotheses.h.paths.e{message}"


@pytest.mark.parametrize(
    ("lengths", "what"),
    [
        ({4, 5}, "`all` needs prompts of one length; these have 4, 5 tokens"),
        (set(), "`all` needs prompts, to know how many positions there are"),
    ],
)
def test_all_positions_need_one_length(lengths: set[int], what: str) -> None:
    with pytest.raises(HypothesisError) as caught:
        family("m0@p => logits", {"p": "all"}, frozenset(lengths))
    assert str(caught.value) == (
        f"hypotheses.h.paths.e.over.p: {what}. Name positions that every prompt has, such as "
        "[S1, end], or indices: [0, 1, -1]"
    )

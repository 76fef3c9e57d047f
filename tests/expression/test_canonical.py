"""Canonical text: spellings by hand, and back to the same route for random expressions."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.expression.canonical import canonical, route_text
from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape

GRAPH = Graph(ModelShape(4, 4, 8, 2, 11, 16))
NO_MLPS = Graph(ModelShape(3, 1, 8, 2, 11, 16, attn_only=True))
WHOLE = Graph(ModelShape(4, 4, 8, 2, 11, 16, separable_heads=False))
PARALLEL = Graph(ModelShape(2, 2, 8, 2, 11, 16, parallel=True))
GROUPS = {"one": frozenset({2}), "two": frozenset({6, 7}), "ends": frozenset({0, 3})}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.3 -> L1H2 < k > -> logits", "a0.h3->a1.h2<k>->logits"),
        ("input -> m0 => logits@end", "input->m0=>logits@end"),
        ("m0 -[any]-> logits", "m0=>logits"),
        ("m0 -[{any}]-> logits", "m0=>logits"),
        ("m0 -[!any]-> logits", "m0-[!any]->logits"),
        ("m0 -[m*]-> logits@[-1]", "m0-[m*]->logits@[-1]"),
        ("one<v~1> -> logits", "a0.h1<v~1>->logits"),
        ("two<v,k~0-2>@S1-1 -> logits", "{a1.h0<k,v~0-2>@S1-1,a1.h1<k,v~0-2>@S1-1}->logits"),
        ("!two -> logits", "!{a1.h0,a1.h1}->logits"),
        ("!one -> logits", "!a0.h1->logits"),
        ("ends -> logits", "{input,a0.h2}->logits"),
        ("a2 -> logits", "a2.h*->logits"),
        ("a* -> logits", "a*.h*->logits"),
        ("a0-2.h1 -> logits", "a0-2.h1->logits"),
        ("a1.h0-2 -> logits", "a1.h0-2->logits"),
        ("a0-1.h* -> logits", "{a0.h*,a1.h*}->logits"),
        ("{a0, a1, a2, m0, m2} -> logits", "{a0-2.h*,m0,m2}->logits"),
        ("{input, any} -> logits", "{input,any}->logits"),
        ("{m1, a0.h1<k@S2>} -> logits", "{a0.h1<k@S2>,m1}->logits"),
    ],
)
def test_spelling(text: str, expected: str) -> None:
    assert route_text(read_route(text, Scope(GRAPH, GROUPS)), GRAPH) == expected


def test_inseparable_heads_and_single_heads() -> None:
    assert route_text(read_route("a1-3 -> logits", Scope(WHOLE)), WHOLE) == "a1-3->logits"
    assert route_text(read_route("a1.h* -> logits", Scope(NO_MLPS)), NO_MLPS) == "a1.h0->logits"
    assert route_text(read_route("a1-2 -> logits", Scope(NO_MLPS)), NO_MLPS) == (
        "{a1.h0,a2.h0}->logits"
    )


def test_several_routes() -> None:
    routes = tuple(read_route(text, Scope(GRAPH)) for text in ("m0 -> logits", "m1 => logits"))
    assert canonical(routes, GRAPH) == "m0->logits | m1=>logits"


def _indices(count: int) -> st.SearchStrategy[str]:
    number = st.integers(0, count - 1)
    ranges = st.tuples(number, number).map(lambda two: f"{min(two)}-{max(two)}")
    return st.just("*") | number.map(str) | ranges


POSITIONS = st.sampled_from(["@end", "@S1-1", " @ S2 + 3", "@[0]", "@[-2]"])


@st.composite
def nodes(draw: st.DrawFn, graph: Graph) -> str:
    """A node pattern of the graph, by kind; heads and attention first: they take slots."""
    shape = graph.shape
    layer = draw(_indices(shape.n_layers))
    if shape.separable_heads and draw(st.booleans()):
        head = draw(_indices(shape.n_heads))
        return draw(st.sampled_from([f"a{layer}.h{head}", f"{layer}.{head}", f"L{layer}H{head}"]))
    if not shape.attn_only and draw(st.booleans()):
        return f"m{layer}"
    return draw(st.sampled_from([f"a{layer}", "any"]))


@st.composite
def atoms(draw: st.DrawFn, graph: Graph) -> str:
    node = draw(nodes(graph))
    slot = ""
    if not node.startswith("m") and draw(st.booleans()):
        slots = draw(st.lists(st.sampled_from("qkv"), unique=True, min_size=1))
        reads = ["", "~0", draw(POSITIONS)] + (["~1", "~0-2"] if "q" not in slots else [])
        slot = f"<{','.join(slots)}{draw(st.sampled_from(reads))}>"
    return node + slot + draw(st.just("") | POSITIONS)


@st.composite
def step_sets(draw: st.DrawFn, graph: Graph) -> str:
    members = draw(st.lists(atoms(graph), min_size=1, max_size=3, unique=True))
    text = members[0] if len(members) == 1 else "{" + " , ".join(members) + "}"
    return draw(st.sampled_from(["", "!", "! "])) + text


@st.composite
def expressions(draw: st.DrawFn, graph: Graph) -> str:
    text = ""
    for _ in range(draw(st.integers(0, 3))):
        steps = draw(step_sets(graph))
        link = draw(st.sampled_from(["->", " => ", "between"]))
        text += steps + (f" -[{draw(step_sets(graph))}]-> " if link == "between" else link)
    start = draw(st.sampled_from(["", "input -> ", "{input} => "]))
    return f"{start}{text}logits{draw(st.just('') | POSITIONS)}"


@pytest.mark.parametrize("graph", [GRAPH, NO_MLPS, WHOLE, PARALLEL])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_round_trip(graph: Graph, data: st.DataObject) -> None:
    text = data.draw(expressions(graph))
    scope = Scope(graph)
    try:
        route = read_route(text, scope)
    except PathPatchError as error:
        assume("stands twice" not in str(error))
        raise
    printed = route_text(route, graph)
    assert read_route(printed, scope) == route
    assert not any(character.isspace() for character in printed)

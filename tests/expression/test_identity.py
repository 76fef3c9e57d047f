"""The bytes by which values of a path set are found again."""

from __future__ import annotations

import pytest

from circuit.graphs import SIX
from pathpatch_runner.circuit.circuit import circuit_of
from pathpatch_runner.circuit.edges import edges_of
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.identity import LENGTH, path_set_ids
from pathpatch_runner.graph import ModelShape
from plan.small import path_set

SHAPE = ModelShape(n_layers=2, n_heads=2, d_model=4, d_head=2, d_vocab=5, n_ctx=8)


def sets(*texts: str) -> list[PathSet]:
    return [path_set(SHAPE, text) for text in texts]


def union(*texts: str) -> PathSet:
    return tuple(member for paths in sets(*texts) for member in paths)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a0.h0 -> logits", "a0.h1 -> logits"),
        ("a0.h0 -> logits", "a0.h0 => logits"),
        ("a0.h0 -> a1.h0<k> -> logits", "a0.h0 -> a1.h0<v> -> logits"),
        ("a0.h0 -> a1.h0<k> -> logits", "a0.h0 -> a1.h0 -> logits"),
        ("a0.h0 -> a1.h0<v@S> -> logits", "a0.h0 -> a1.h0<v@T> -> logits"),
        ("a0.h0 -> a1.h0<v@S> -> logits", "a0.h0 -> a1.h0<v>@S -> logits"),
        ("a0.h0 -> a1.h0<v~1> -> logits", "a0.h0 -> a1.h0<v~2> -> logits"),
        ("a0.h0 -> a1.h0<v@S> -> logits", "a0.h0 -> a1.h0<v@S+1> -> logits"),
        ("input -[m*]-> logits", "input -[!m*]-> logits"),
        ("r1 => logits", "{input, a0.h*, m0} => logits"),
        ("input -> a0.h0 -> logits", "a0.h0 -> logits"),
    ],
)
def test_different_path_sets_have_different_bytes(one: str, other: str) -> None:
    first, second = path_set_ids(sets(one, other))
    assert first != second
    assert len(first) == LENGTH


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a0.h0 -> logits", "0.0 -> logits"),
        ("a0.h0 -> logits", "{a0.h0} -> logits"),
        ("{a0.h0<q>, a0.h1<k>} -> logits", "{a0.h1<k>, a0.h0<q>} -> logits"),
        ("a0.h* -> logits", "{a0.h1, a0.h0} -> logits"),
    ],
)
def test_other_spellings_have_the_same_bytes(one: str, other: str) -> None:
    first, second = path_set_ids([path_set(SHAPE, one), path_set(SHAPE, other)])
    assert first == second


def test_a_union_is_in_any_order_and_each_member_once() -> None:
    one, other = "a0.h0 -> logits", "a1.h0 -> logits"
    first, second, third, alone = path_set_ids(
        [union(one, other), union(other, one), union(one, other, one), union(one)]
    )
    assert first == second == third != alone


def test_circuits_by_their_edges_and_not_by_their_names() -> None:
    count = len(edges_of(SIX))
    whole = edges_of(SIX).mask(range(count))
    some = whole.copy()
    some[edges_of(SIX).names.index("input->logits")] = False
    circuits = [circuit_of(SIX, whole, "a"), circuit_of(SIX, whole, "b"), circuit_of(SIX, some)]
    first, second, third = path_set_ids([(each,) for each in circuits])
    assert first == second != third

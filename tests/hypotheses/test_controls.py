"""Matched random path sets: what is renamed, what is kept, how many there are, refusals."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pathpatch_runner.circuit import Circuit, circuit_of, edges_of
from pathpatch_runner.config import UnitKind
from pathpatch_runner.errors import HypothesisError
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.canonical import canonical
from pathpatch_runner.expression.count import count_paths
from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis import Unit
from pathpatch_runner.hypothesis.controls import controls_problems, matched_path_sets
from pathpatch_runner.plan.orbits import orbits_of

GRAPH = Graph(ModelShape(2, 3, 6, 2, 11, 16))
LARGE = Graph(ModelShape(12, 12, 768, 64, 50257, 1024))


def paths(*texts: str, graph: Graph = GRAPH) -> PathSet:
    return tuple(read_route(text, Scope(graph)) for text in texts)


def controls(*texts: str, n: int, seed: int = 0, graph: Graph = GRAPH) -> list[str]:
    found = matched_path_sets(paths(*texts, graph=graph), graph, n, seed)
    return [canonical(one, graph) for one in found]


def test_other_heads_of_the_same_layers() -> None:
    """All there are: 3 heads of layer 0 by 3 of layer 1, without the path itself."""
    found = controls("a0.h0<v@S1> -> m0 -> a1.h1<k~1> -> logits@end", n=8)
    assert sorted(found) == sorted(
        f"a0.h{i}<v@S1>->m0->a1.h{j}<k~1>->logits@end"
        for i in range(3)
        for j in range(3)
        if (i, j) != (0, 1)
    )


def test_a_head_that_stands_twice_stays_one_head() -> None:
    found = controls("a0.h0 -[!a0.h0]-> logits", "a0.h0<q> -> logits", n=2)
    assert sorted(found) == [f"a0.h{i}-[!a0.h{i}]->logits | a0.h{i}<q>->logits" for i in (1, 2)]


def test_exchangeable_heads_give_the_same_set_once() -> None:
    assert sorted(controls("{a1.h0, a1.h1} -> logits", n=2)) == [
        "{a1.h0,a1.h2}->logits",
        "{a1.h1,a1.h2}->logits",
    ]
    # Exchanging the two routes of a union is the union itself.
    found = matched_path_sets(paths("a1.h0 -> logits", "a1.h1 -> logits"), GRAPH, 2, 0)
    assert {frozenset(one) for one in found} == {
        frozenset(paths(f"a1.h{i} -> logits", f"a1.h{j} -> logits")) for i, j in ((0, 2), (1, 2))
    }


def test_a_large_model() -> None:
    text = "a0.h1<v> -> a3.h2<k> -> a9.h9<q> => logits"
    found = matched_path_sets(paths(text, graph=LARGE), LARGE, 100, 5)
    assert len({frozenset(one) for one in found}) == 100
    assert paths(text, graph=LARGE) not in found
    whole = [paths(text, graph=LARGE), *found]
    assert len(orbits_of(whole, LARGE)) == 1
    assert len({count_paths(one, LARGE) for one in whole}) == 1
    assert found == matched_path_sets(paths(text, graph=LARGE), LARGE, 100, 5)
    assert found != matched_path_sets(paths(text, graph=LARGE), LARGE, 100, 6)


def test_every_control_is_as_likely() -> None:
    """1,600 draws of one of 8: 200 expected of each. With 7 degrees of freedom chi-square exceeds
    24.3 once in a thousand."""
    counts = Counter(
        controls("a0.h0 -> a1.h1<k> -> logits", n=1, seed=seed)[0] for seed in range(1600)
    )
    assert len(counts) == 8
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 24.3


def test_circuits() -> None:
    edges = edges_of(GRAPH)
    names = ("input->a0.h0<v>", "a0.h0->a1.h1<k>", "a1.h1->logits")
    chosen = np.isin(edges.names, names)
    found = matched_path_sets((circuit_of(GRAPH, chosen),), GRAPH, 8, 0)
    expected = {
        (f"input->a0.h{i}<v>", f"a0.h{i}->a1.h{j}<k>", f"a1.h{j}->logits")
        for i in range(3)
        for j in range(3)
        if (i, j) != (0, 1)
    }
    named = set()
    for (circuit,) in found:
        assert isinstance(circuit, Circuit)
        named.add(tuple(edges.names[number] for number in circuit.edges))
    assert {frozenset(one) for one in named} == {frozenset(one) for one in expected}


NONE = "it names no heads, or all heads of a layer alike. Leave its controls out"


@pytest.mark.parametrize(
    ("text", "n", "shape", "there", "why"),
    [
        (
            "a0.h0 -> logits",
            3,
            "a0.h0->logits",
            "only 2",
            "few other heads of the same layers can take the place of those it names. "
            "Ask for 2 at most",
        ),
        ("m0 => logits", 1, "m0=>logits", "no", NONE),
        ("a0 -> logits", 1, "a0.h*->logits", "no", NONE),
    ],
)
def test_too_few(text: str, n: int, shape: str, there: str, why: str) -> None:
    with pytest.raises(HypothesisError) as caught:
        matched_path_sets(paths(text), GRAPH, n, 0)
    assert str(caught.value) == (
        f"controls: {n} matched path sets were asked for, but there are {there} others of the "
        f"shape of {shape}: {why}"
    )


def test_bindings_without_controls_are_one_problem_of_their_entry() -> None:
    texts = ("m0 => logits", "m1 => logits", "m0 => logits")
    units = [
        Unit("h", UnitKind.path, f"e[s={text[:2]}]", text, (("s", text[:2]),), paths(text), "e")
        for text in texts
    ]
    (problem,) = controls_problems(units, GRAPH, 1)
    assert str(problem).startswith("hypotheses.h, e[s=m0]: patch.controls: 1 matched")
    assert str(problem).endswith("Leave its controls out (and 1 more of its bindings)")

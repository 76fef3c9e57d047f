"""Counting and drawing paths, against enumeration of all paths of small graphs."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from execute.path_sets import random_path_set
from pathpatch_runner.expression.ast import PathSet, Route, StepPattern, Steps
from pathpatch_runner.expression.count import count_paths, draw_paths
from pathpatch_runner.expression.matching import matches_any_path
from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape
from reference.enumerated import Path, members

SERIAL = Graph(ModelShape(2, 2, 4, 2, 7, 16))
GRAPHS = {
    "serial": SERIAL,
    "parallel": Graph(ModelShape(2, 2, 4, 2, 7, 16, parallel=True)),
    "attention only": Graph(ModelShape(3, 2, 4, 2, 7, 16, attn_only=True)),
    "inseparable heads": Graph(ModelShape(2, 2, 4, 2, 7, 16, separable_heads=False)),
}
SERIAL_NODES = frozenset(range(1, SERIAL.logits))
GPT2 = Graph(ModelShape(12, 12, 768, 64, 50257, 1024))


def paths(*texts: str, graph: Graph = SERIAL) -> PathSet:
    return tuple(read_route(text, Scope(graph)) for text in texts)


def named(path: tuple[tuple[int, int], ...], graph: Graph) -> Path:
    return tuple((node, (graph.nodes[node].slots or ("",))[slot]) for node, slot in path)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        # 2 layers of 2 heads (6 steps) and an MLP: 1 path into a0, 1 + 6 into m0, and so on.
        (("input => logits",), (1 + 6) * (1 + 1) * (1 + 6) * (1 + 1)),
        (("input -> logits",), 1),
        (("a1.h0<q> -> logits",), (1 + 6) * (1 + 1)),
        (("a0.h0<q> => logits",), (1 + 1) * (1 + 6) * (1 + 1)),
        (("input -[m*]-> logits",), 2 * 2),
        (("input -> a0.h0<k,v@S1>@end -> logits",), 2),
        (("input -> a0.h0 -> logits", "input -> a0<q> -> logits"), 4),
        (("input -> !{a0.h0@S1, m0} -> logits",), 6 + 6 + 1),
        (("m1 -> a0.h0 -> logits",), 0),
    ],
)
def test_counted_by_hand(texts: tuple[str, ...], expected: int) -> None:
    assert count_paths(paths(*texts), SERIAL) == expected


def test_gpt2_small() -> None:
    """444 paths through one node and 90,786 through two (heads three times, once a slot)."""
    assert count_paths(paths("input => logits", graph=GPT2), GPT2) == (37 * 2) ** 12
    assert count_paths(paths("input -> any -> logits", graph=GPT2), GPT2) == 444
    assert count_paths(paths("input -> any -> any -> logits", graph=GPT2), GPT2) == 90_786


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("seed", range(12))
def test_random_sets_against_enumeration(name: str, seed: int) -> None:
    graph = GRAPHS[name]
    rng = random.Random(f"{name}/{seed}")
    found = random_path_set(rng, graph, positions=False, back=False)
    expected = members(found, graph)
    assert count_paths(found, graph) == len(expected)
    assert matches_any_path(found, graph) == bool(expected)
    drawn = draw_paths(found, graph, len(expected) + 5, seed, distinct=True)
    assert len(drawn) == len(set(drawn))
    assert {named(path, graph) for path in drawn} == expected


def test_complement() -> None:
    """A set and the set of all other paths add up to all paths."""
    every = count_paths(paths("input => logits"), SERIAL)
    through = count_paths(paths("a1.h0 => logits"), SERIAL)
    without = Steps((StepPattern(SERIAL_NODES - {SERIAL.index["a1.h0"]}),))
    ends = [Steps((StepPattern(frozenset({node})),)) for node in (0, SERIAL.logits)]
    assert through + count_paths((Route(tuple(ends), (without,)),), SERIAL) == every


def test_draws_are_uniform() -> None:
    """Chi-square, 200 draws expected of each of 3 x 2 x 7 + 2 x 2 paths. With 45 degrees of
    freedom one seed in a thousand exceeds 80.1."""
    found = paths("a0.h0 -[!m0]-> logits", "input -> a1<k> => logits")
    expected = members(found, SERIAL)
    counts = Counter(draw_paths(found, SERIAL, 200 * len(expected), seed=7))
    assert len(expected) == 46
    assert {named(path, SERIAL) for path in counts} == expected
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 80.1


def test_draws_depend_on_the_seed_alone() -> None:
    found = paths("input => logits", graph=GPT2)
    first = draw_paths(found, GPT2, 3, seed=1)
    assert first == draw_paths(found, GPT2, 3, seed=1)
    assert first != draw_paths(found, GPT2, 3, seed=2)
    assert len(set(draw_paths(found, GPT2, 40, seed=1, distinct=True))) == 40


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw_paths(paths("m1 -> a0.h0 -> logits"), SERIAL, 3, seed=0) == []

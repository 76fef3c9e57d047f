"""Families: which bindings there are, and what they and their union match."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from hypotheses.small import PARALLEL, SMALL, family, resolved
from pathpatch_runner.config import HypothesisConfig, PathConfig
from pathpatch_runner.expression.domain import nodes_domain
from pathpatch_runner.expression.parse import parse
from pathpatch_runner.expression.resolve import read_route, resolve
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape
from reference.enumerated import members


def test_family() -> None:
    over = {"s": ["m1", "a0.h0-1"], "r": ["a1.h2", "a1.h0", "a1.h0"]}
    found = family("s -> r<q> => logits", over)
    assert found.bindings_left_out == 2
    assert [(unit.path_id, unit.path, unit.binding) for unit in found.units[:-1]] == [
        (
            f"e[s={s},r={r}]",
            f"{s}->{r}<q>=>logits",
            (("s", s), ("r", r)),
        )
        for s in ("a0.h0", "a0.h1")
        for r in ("a1.h0", "a1.h2")
    ]
    whole = found.units[-1]
    assert (whole.path_id, whole.binding, len(whole.paths)) == ("e", (), 1)
    assert whole.path == "{a0.h0,a0.h1,m1}->{a1.h0<q>,a1.h2<q>}=>logits"


def test_bindings_are_a_product_in_the_order_listed() -> None:
    found = family("s -> r -> logits", {"r": "m*", "s": "a*.h0"})
    assert [unit.path_id for unit in found.units[:-1]] == [
        "e[r=m0,s=a0.h0]",
        "e[r=m1,s=a0.h0]",
        "e[r=m1,s=a1.h0]",
    ]
    assert found.bindings_left_out == 1


def test_values_may_be_groups_and_groups_may_name_groups() -> None:
    config = HypothesisConfig(
        groups={"both": ["late", "prev"], "late": ["a1.h0"], "prev": "a0.h1"},
        paths={"e": PathConfig("s -> logits", {"s": ["both", "m0"]})},
    )
    found = resolved({"h": config})
    assert [unit.path for unit in found.units] == ["a0.h1->logits", "m0->logits", "a1.h0->logits"]


def test_parallel_blocks_do_not_feed_their_own_mlp() -> None:
    over = {"s": "a0", "r": "m*"}
    serial = family("s -> r -> logits", over, SMALL)
    parallel = family("s -> r -> logits", over, PARALLEL)
    assert (len(serial.units) - 1, serial.bindings_left_out) == (4, 0)
    assert (len(parallel.units) - 1, parallel.bindings_left_out) == (2, 2)


ENUMERATED: dict[str, tuple[object, dict[str, Any]]] = {
    "product": ("s -> r<q> => logits", {"s": "any", "r": ["a*", "m1"]}),
    "any slot of any node": ("s<k> -> r -> logits", {"s": "any", "r": ["input", "any"]}),
    "complement": ("!{s, m0} -> r -> logits", {"s": "a0", "r": "any"}),
    "complement of one head": ("input -> !s -> m1 -> logits", {"s": ["a0.h0", "m1"]}),
    "twice": ("s<q> => {s<k>, r} -> logits", {"s": "any", "r": "m*"}),
    "link": ("s -[{s, r}]-> logits", {"s": ["input", "m*"], "r": "a0"}),
    "link without it": ("s -[!r]-> logits", {"s": "m*", "r": "a1"}),
    "two expressions": (["s -> r -> logits", "r<v> -> logits"], {"s": "a*", "r": "a*"}),
}


@pytest.mark.parametrize("case", ENUMERATED)
@pytest.mark.parametrize("graph", [SMALL, PARALLEL], ids=["serial", "parallel"])
def test_families_against_enumeration(case: str, graph: Graph) -> None:
    expr, over = ENUMERATED[case]
    texts = [expr] if isinstance(expr, str) else expr
    assert isinstance(texts, list)
    found = family(expr, over, graph)
    values = {
        variable: sorted(
            node
            for value in ([patterns] if isinstance(patterns, str) else patterns)
            for node in read_route(f"{value} => logits", Scope(graph)).sets[0].patterns[0].nodes
        )
        for variable, patterns in over.items()
    }
    scope = Scope(graph, variables={name: nodes_domain(nodes) for name, nodes in values.items()})
    templates = [resolve(parse(text), scope)[0] for text in texts]
    expected = []
    for nodes in product(*values.values()):
        bound = {name: (node,) for name, node in zip(values, nodes, strict=True)}
        paths = members(tuple(template.bind(bound) for template in templates), graph)
        if paths:
            names = [graph.nodes[node].name for node in nodes]
            expected.append((tuple(zip(values, names, strict=True)), paths))
    *bindings, whole = found.units
    assert [(unit.binding, members(unit.paths, graph)) for unit in bindings] == expected
    assert members(whole.paths, graph) == frozenset().union(*(paths for _, paths in expected))
    total = len(list(product(*values.values())))
    assert found.bindings_left_out == total - len(expected)


def test_text_of_a_union_that_sets_cannot_express() -> None:
    found = family("{s<v>@S1, m0@S1} -[!{s,a1.h0}]-> m1 -> logits", {"s": "a0"})
    whole = found.units[-1]
    assert whole.path == "{m0@S1,s<v>@S1}-[!{a1.h0,s}]->m1->logits[s=a0.h*]"
    assert len(whole.paths) == 3


def test_a_large_family() -> None:
    graph = Graph(ModelShape(12, 12, 768, 64, 50257, 1024))
    over = {"s": "a*.h*", "r": "a*.h*"}
    found = family("s -> r<q> -> logits@end", over, graph)
    assert (len(found.units) - 1, found.bindings_left_out) == (9504, 144 * 144 - 9504)
    assert found.units[0].path == "a0.h0->a1.h0<q>->logits@end"
    assert found.units[9503].path_id == "e[s=a10.h11,r=a11.h11]"

"""Small graphs, and hypotheses resolved on them."""

from __future__ import annotations

from typing import Any

import pytest

from pathpatch_runner.config import HypothesisConfig, PathConfig, UnitKind
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis import Hypotheses, resolve_hypotheses

# Nodes: 0 input, 1-3 a0.h0-2, 4 m0, 5-7 a1.h0-2, 8 m1, 9 logits.
GRAPH = Graph(ModelShape(2, 3, 6, 2, 11, 16))
SMALL = Graph(ModelShape(2, 2, 4, 2, 7, 16))
PARALLEL = Graph(ModelShape(2, 2, 4, 2, 7, 16, parallel=True))
GROUPS = {"prev": "a0.h1", "induction": ["a1.h1", "a1.h2"]}
FINE = {"k": PathConfig("m0 -> logits")}
MEMBER = "Expected a node pattern, the name of a group, or a list of these"


def resolved(
    configs: dict[str, HypothesisConfig],
    *kinds: UnitKind,
    graph: Graph = GRAPH,
    positions: frozenset[str] | None = None,
) -> Hypotheses:
    return resolve_hypotheses(configs, kinds or (UnitKind.path,), graph, positions)


def family(expr: object, over: dict[str, Any], graph: Graph = GRAPH) -> Hypotheses:
    config = HypothesisConfig(paths={"e": PathConfig(expr, over)})
    return resolved({"h": config}, UnitKind.path, UnitKind.hypothesis, graph=graph)


def refusal(config: HypothesisConfig, positions: frozenset[str] | None = None) -> Exception:
    with pytest.raises(ValueError, match=r"hypotheses\.h\.") as caught:
        resolved({"h": config}, positions=positions)
    return caught.value

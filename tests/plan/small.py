"""Plans small enough to be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pathpatch_runner.expression.alphabet import (
    Alphabet,
    PositionClass,
    distance_classes,
)
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.parse import parse
from pathpatch_runner.expression.resolve import resolve
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.extent import BatchPositions
from pathpatch_runner.plan.plan import Plan

TWO_LAYERS = ModelShape(2, 1, 4, 4, 11, 16, attn_only=True)
"""Nodes: 0 input, 1 a0.h0, 2 a1.h0, 3 logits; a stage each. Streams and versions from 2 on."""
WITH_MLPS = ModelShape(2, 2, 8, 4, 11, 16, d_mlp=16)
"""Nodes: 0 input, 1-2 a0.h*, 3 m0, 4-5 a1.h*, 6 m1, 7 logits; stages 0, 1, 2, 3, 4, 5."""
NOWHERE: tuple[PositionClass, ...] = (frozenset(),)


def path_set(shape: ModelShape, *texts: str) -> PathSet:
    """The union of expressions on a model."""
    routes = []
    for text in texts:
        template, flaws = resolve(parse(text), Scope(Graph(shape)))
        assert not flaws
        routes.append(template.bind({}))
    return tuple(routes)


def plan_of(shape: ModelShape, *texts: str, classes: tuple[PositionClass, ...] = NOWHERE) -> Plan:
    """One unit an expression."""
    return plan_of_sets(shape, [path_set(shape, text) for text in texts], classes)


def plan_of_sets(
    shape: ModelShape, sets: Sequence[PathSet], classes: tuple[PositionClass, ...] = NOWHERE
) -> Plan:
    """One unit a path set."""
    return compile_plan(
        sets, Alphabet(Graph(shape), classes, distance_classes(sets, causal=shape.causal))
    )


def positions(
    differs: Sequence[int],
    points: Sequence[int],
    *,
    length: int = 6,
    class_of: Sequence[int] | None = None,
) -> BatchPositions:
    """A batch of prompts of `length`; `class_of` [pos], all of class 0 by default."""
    found = np.zeros(length, dtype=int) if class_of is None else np.array(class_of)
    occurs = np.stack([found == number for number in range(int(found.max()) + 1)])
    read = np.zeros_like(occurs)
    for point in points:
        read[found[point], point] = True
    return BatchPositions(np.isin(np.arange(length), list(differs)), occurs, read)


def where(row: np.ndarray) -> list[int]:
    """Positions that are marked."""
    return np.flatnonzero(row).tolist()

"""Streams made as sums of writes are the streams that stages continue.

On models as small as these hardly any unit is cheaper to sum, so here every unit that can be is.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

from execute.executors import run
from execute.models import TOLERANCE, specimen
from execute.path_sets import random_pairs, random_path_set
from pathpatch_runner.circuit import circuit_of, edges_of
from pathpatch_runner.config import Direction
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.graph import Graph
from pathpatch_runner.plan import chunk, sums
from pathpatch_runner.plan.extent import Extent
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.sums import Sum, Sums, sums_of

DIRECTIONS = [Direction.noising, Direction.denoising]
MODELS = ("attention only", "native rotary grouped", "gpt2", "gptj", "gemma2")


def some_sets(rng: random.Random, graph: Graph, back: bool) -> list[PathSet]:
    """Circuits, expressions that speak of positions, and unions of both."""
    n_edges = len(edges_of(graph))
    masks = [np.array([rng.random() < 0.7 for _ in range(n_edges)]) for _ in range(3)]
    circuits = [circuit_of(graph, mask) for mask in masks]
    others = [random_path_set(rng, graph, positions=True, back=back) for _ in range(12)]
    alone: list[PathSet] = [(circuit,) for circuit in circuits]
    return [*alone, *others, *((*other, circuits[0]) for other in others)]


@pytest.mark.parametrize("name", MODELS)
def test_summed_streams_are_the_continued_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = specimen(name)
    rng = random.Random(f"sums/{name}")
    sets = some_sets(rng, Graph(one.model.shape), back=name != "gptj")
    pairs = random_pairs(rng, one.model.shape.d_vocab, (4, 3), everywhere=False)
    found: list[Sum] = []

    def watched(plan: Plan, extent: Extent) -> Sums:
        result = sums_of(plan, extent)
        found.extend(result.sums)
        return result

    def never(plan: Plan, extent: Extent) -> Sums:
        del extent
        return Sums(np.zeros(plan.n_streams + 2, dtype=bool), ())

    monkeypatch.setattr(chunk, "sums_of", never)
    continued = run("delta", one, pairs, sets, DIRECTIONS)
    monkeypatch.setattr(chunk, "sums_of", watched)
    monkeypatch.setattr(sums, "LEAST_USES", 0)
    monkeypatch.setattr(sums, "_multiply_adds", lambda *_: -1.0)
    summed = run("delta", one, pairs, sets, DIRECTIONS)
    assert any(one_sum.by_class for one_sum in found)
    assert any(not one_sum.by_class for one_sum in found)
    for direction in DIRECTIONS:
        expected = continued.patched[direction]
        assert summed.patched[direction] == pytest.approx(expected, abs=TOLERANCE[name])

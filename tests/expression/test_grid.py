"""Where the paths of a set lie, against enumeration."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from execute.path_sets import random_path_set
from pathpatch_runner.circuit import circuit_of, edges_of
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.count import count_paths
from pathpatch_runner.expression.grid import path_grid
from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape
from reference.enumerated import members

SERIAL = Graph(ModelShape(2, 2, 4, 2, 7, 16))
PARALLEL = Graph(ModelShape(2, 2, 4, 2, 7, 16, parallel=True))


def check(paths: PathSet, graph: Graph) -> None:
    found, grid = members(paths, graph), path_grid(paths, graph)
    assert grid.total == len(found)
    through = [sum(node in {n for n, _ in path} for path in found) for node in range(8)]
    assert list(grid.through) == through
    edges = np.zeros((8, 8))
    for path in found:
        for (writer, _), (reader, _) in pairwise(path):
            edges[writer, reader] += 1 / len(found)
    assert grid.edges == pytest.approx(edges)


@pytest.mark.parametrize("graph", [SERIAL, PARALLEL], ids=["serial", "parallel"])
@pytest.mark.parametrize("seed", range(12))
def test_random_sets(graph: Graph, seed: int) -> None:
    rng = random.Random(seed)
    check(random_path_set(rng, graph, positions=False, back=False), graph)


def test_circuit_with_an_expression() -> None:
    edges = edges_of(SERIAL)
    names = ("input->a0.h0<v>", "a0.h0->a1.h1<k>", "input->a1.h1<k>", "a1.h1->logits")
    circuit = circuit_of(SERIAL, np.isin(edges.names, names))
    check((circuit,), SERIAL)
    check((circuit, read_route("input -[m*]-> logits", Scope(SERIAL))), SERIAL)


def test_more_paths_than_a_float_can_count() -> None:
    """120 layers of 64 heads and an MLP have (193 x 2)^120, some 10^310 paths."""
    graph = Graph(ModelShape(120, 64, 64, 1, 2, 4))
    paths = (read_route("input => logits", Scope(graph)),)
    grid = path_grid(paths, graph)
    assert grid.total == count_paths(paths, graph) == 386**120
    assert grid.through[0] == grid.through[graph.logits] == grid.total
    # An MLP is on half of them, a head (3 of 193 ways through its layer) on 3/193.
    assert grid.through[graph.index["m100"]] * 2 == grid.total
    assert grid.through[graph.index["a7.h3"]] * 193 == 3 * grid.total


def test_nothing() -> None:
    grid = path_grid((read_route("m1 -> m0 -> logits", Scope(SERIAL)),), SERIAL)
    assert (grid.total, set(grid.through), grid.edges.sum(), grid.share(0)) == (0, {0}, 0, 0)

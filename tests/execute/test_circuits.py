"""Circuits evaluated: both executors against brute force over paths, and against edges patched in
one shared network.

The second is written here from the definition of edge patching: every node has one value; an edge
of the circuit carries it, every other edge carries what the writer wrote in the base run.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from execute.executors import BRUTE_FORCE, run
from execute.models import TOLERANCE, Specimen, specimen
from execute.path_sets import random_pairs, random_path_set
from pathpatch_runner.circuit import Circuit, circuit_of, edges_of
from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.graph import Graph
from reference.reference_model import ReferenceModel
from reference.shared_network import node_write, shared_run

DIRECTIONS = [Direction.noising, Direction.denoising]
EXECUTORS = ("hooks", "delta")
MODELS = ("attention only", "native", "native rotary grouped", "gpt2", "gptj", "gpt_neox", "gemma2")


def random_circuit(rng: random.Random, graph: Graph, share: float) -> Circuit:
    """Every edge with the same probability."""
    mask = [rng.random() < share for _ in range(len(edges_of(graph)))]
    return circuit_of(graph, np.array(mask))


@torch.no_grad()
def edge_patched(
    model: ReferenceModel, circuit: Circuit, base: torch.Tensor, patched: torch.Tensor
) -> torch.Tensor:
    """Logits [pos, d_vocab] of one forward pass with edges patched. `base`, `patched`: the input's
    writes [pos, d_model]."""
    graph = circuit.graph
    inside = {edges_of(graph).names[number] for number in circuit.edges}
    plain = shared_run(model, graph, base).written
    values = {0: patched}

    def read(reader: int, slot: str) -> torch.Tensor:
        total = model.constant(graph, graph.stage_of[reader]).expand_as(base)
        for writer in graph.index.values():
            if graph.stage_of[writer] < graph.stage_of[reader]:
                name = f"{graph.nodes[writer].name}->{graph.nodes[reader].name}"
                name += f"<{slot}>" if slot else ""
                total = total + (values if name in inside else plain)[writer]
        return total

    for node in range(1, graph.logits):
        reads = {slot: read(node, slot) for slot in graph.nodes[node].slots}
        values[node] = node_write(model, graph, node, reads)
    return torch.stack([model.logits(row) for row in read(graph.logits, "")])


def edge_patching(
    one: Specimen, pairs: PairSet, circuit: Circuit, direction: Direction
) -> np.ndarray:
    """Logit differences [point] of all pairs."""
    found = []
    for pair in pairs.pairs:
        runs = [one.reference.embed(torch.tensor(ids)) for ids in (pair.clean, pair.corrupt)]
        base, patched = runs if direction is Direction.noising else runs[::-1]
        logits = edge_patched(one.reference, circuit, base, patched)
        for point in pair.points:
            row = logits[point.position]
            answers, distractors = row[list(point.answers)], row[list(point.distractors)]
            found.append(float(answers.mean() - distractors.mean()))
    return np.array(found)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_circuit_is_its_edges_patched_in_one_network(name: str, share: float) -> None:
    one = specimen(name)
    graph = Graph(one.model.shape)
    rng = random.Random(f"{name}/{share}")
    circuits = [random_circuit(rng, graph, share) for _ in range(2)]
    pairs = random_pairs(rng, one.model.shape.d_vocab, (3, 2), everywhere=True)
    sets: list[PathSet] = [(circuit,) for circuit in circuits]
    found = {executor: run(executor, one, pairs, sets, DIRECTIONS) for executor in EXECUTORS}
    for direction in DIRECTIONS:
        for unit, circuit in enumerate(circuits):
            expected = edge_patching(one, pairs, circuit, direction)
            for executor in EXECUTORS:
                values = found[executor].patched[direction][unit, 0]
                assert values == pytest.approx(expected, abs=TOLERANCE[name])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", range(2))
def test_a_circuit_is_its_paths(name: str, seed: int) -> None:
    """Alone, and in a union with expressions that speak of positions."""
    one = specimen(name)
    graph = Graph(one.model.shape)
    rng = random.Random(f"paths/{name}/{seed}")
    back = name != "gptj"
    circuit = random_circuit(rng, graph, 0.5)
    more = random_path_set(rng, graph, positions=True, back=back)
    sets: list[PathSet] = [(circuit,), (*more, circuit)]
    lengths = (2,) if name == "native rotary grouped" else (3,)
    pairs = random_pairs(rng, one.model.shape.d_vocab, lengths, everywhere=False)
    expected = run(BRUTE_FORCE, one, pairs, sets, DIRECTIONS)
    for executor in EXECUTORS:
        found = run(executor, one, pairs, sets, DIRECTIONS)
        for direction in DIRECTIONS:
            assert found.patched[direction] == pytest.approx(
                expected.patched[direction], abs=TOLERANCE[name]
            )


@pytest.mark.parametrize("executor", EXECUTORS)
def test_nothing_and_everything_are_the_plain_runs(executor: str) -> None:
    one = specimen("gpt2")
    graph = Graph(one.model.shape)
    n_edges = len(edges_of(graph))
    pairs = random_pairs(random.Random(0), 11, (5, 4), everywhere=True)
    sets: list[PathSet] = [
        (circuit_of(graph, np.full(n_edges, inside)),) for inside in (False, True)
    ]
    found = run(executor, one, pairs, sets, DIRECTIONS)
    nothing, everything = found.patched[Direction.denoising]
    assert nothing == pytest.approx(found.corrupt, abs=1e-9)
    assert everything == pytest.approx(found.clean, abs=1e-9)

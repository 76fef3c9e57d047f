"""Circuits as path sets: their automaton against all paths enumerated, and against each other."""

from __future__ import annotations

import random

import numpy as np
import pytest

from circuit.graphs import GPT2, SIX, SMALL, chosen
from execute.path_sets import random_path_set
from pathpatch_runner.circuit import Circuit, circuit_of, edges_of
from pathpatch_runner.expression.alphabet import Alphabet, bits
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.automaton import DEAD, UNIVERSAL, Automaton
from pathpatch_runner.expression.canonical import canonical
from pathpatch_runner.expression.count import count_paths
from pathpatch_runner.expression.matching import matches_any_path
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.plan.compile import compile_plan
from reference.enumerated import Path, members, model_paths

GRAPHS = {
    "sequential": Graph(ModelShape(2, 1, 4, 4, 7, 8, d_mlp=4)),
    "attention only": Graph(ModelShape(2, 2, 4, 2, 7, 8, attn_only=True)),
    "parallel": Graph(ModelShape(2, 1, 4, 4, 7, 8, d_mlp=4, parallel=True)),
    "heads together": Graph(ModelShape(2, 2, 4, 2, 7, 8, d_mlp=4, separable_heads=False)),
}


def random_circuit(rng: random.Random, graph: Graph, share: float) -> Circuit:
    """Every edge with the same probability."""
    mask = [rng.random() < share for _ in range(len(edges_of(graph)))]
    return circuit_of(graph, np.array(mask), "random")


def accepted(paths: PathSet, graph: Graph) -> frozenset[Path]:
    """The paths that the automaton leads from the start to UNIVERSAL."""
    alphabet = Alphabet(graph)
    automaton = Automaton(paths, alphabet)
    number = {
        (node, (graph.nodes[node].slots or ("",))[slot]): step
        for step, (node, slot) in enumerate(alphabet.steps)
    }

    def reads(path: Path) -> bool:
        state = automaton.start
        for step in reversed(path):
            parts = automaton.parts(state, alphabet.same_place[0])
            assert sum(mask.bit_count() for mask, _ in parts) == len(
                {bit for mask, _ in parts for bit in bits(mask)}
            )
            state = next((to for mask, to in parts if mask >> number[step] & 1), DEAD)
        return state == UNIVERSAL

    return frozenset(path for path in model_paths(graph) if reads(path))


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_circuit_is_the_paths_all_of_whose_edges_are_in_it(name: str, share: float) -> None:
    graph = GRAPHS[name]
    for seed in range(3):
        circuit = random_circuit(random.Random(f"{name}/{share}/{seed}"), graph, share)
        expected = members((circuit,), graph)
        assert accepted((circuit,), graph) == expected
        assert count_paths((circuit,), graph) == len(expected)
        assert matches_any_path((circuit,), graph) == bool(expected)


@pytest.mark.parametrize("seed", range(6))
def test_unions_of_circuits_and_expressions(seed: int) -> None:
    rng = random.Random(seed)
    graph = GRAPHS["sequential"]
    union: PathSet = (
        random_circuit(rng, graph, 0.5),
        *random_path_set(rng, graph, positions=False, back=False),
        random_circuit(rng, graph, 0.5),
    )
    assert accepted(union, graph) == members(union, graph)
    assert accepted(union[::-1], graph) == members(union, graph)


def test_what_lies_on_no_way_changes_nothing() -> None:
    """m0 reads nothing, m1 is read by nobody."""
    way = chosen(SIX, "input->logits")
    more = chosen(SIX, "input->logits", "m0->logits", "input->m1")
    assert circuit_of(SIX, way) == circuit_of(SIX, more)
    assert circuit_of(SIX, chosen(SIX, "m0->logits")).edges == ()


def test_a_circuit_has_no_more_items_than_the_model_has_slots() -> None:
    rng = random.Random(0)
    circuit = random_circuit(rng, SMALL, 0.7)
    automaton = Automaton((circuit,), Alphabet(SMALL))
    place = Alphabet(SMALL).same_place[0]
    states = {automaton.start}
    waiting = [automaton.start]
    while waiting:
        for _, state in automaton.parts(waiting.pop(), place):
            if state not in states:
                states.add(state)
                waiting.append(state)
    assert len(states - {DEAD, UNIVERSAL}) <= circuit.n_items <= len(edges_of(SMALL).steps) + 1


def test_the_whole_circuit_is_everything() -> None:
    edges = edges_of(SMALL)
    whole = circuit_of(SMALL, np.ones(len(edges), dtype=bool))
    alphabet = Alphabet(SMALL)
    ((_, target),) = Automaton((whole,), alphabet).parts(1, alphabet.same_place[0])
    assert target == UNIVERSAL
    assert count_paths((whole,), SMALL) == len(model_paths(SMALL))


def test_nothing_is_an_empty_set() -> None:
    nothing = circuit_of(SMALL, np.zeros(len(edges_of(SMALL)), dtype=bool))
    assert accepted((nothing,), SMALL) == frozenset()
    assert count_paths((nothing,), SMALL) == 0
    assert compile_plan([(nothing,), ()], Alphabet(SMALL)).mixed_evaluations == 0


def test_text() -> None:
    one = circuit_of(SIX, chosen(SIX, "input->logits"), "c")
    two = circuit_of(SIX, chosen(SIX, "input->m0", "m0->logits"), "c")
    assert one.text.startswith("c[1 edge, ")
    assert two.text.startswith("c[2 edges, ")
    assert one.text != circuit_of(SIX, chosen(SIX, "input->logits", "input->m0"), "d").text
    assert canonical((one, two), SIX) == f"{one.text} | {two.text}"


def test_a_circuit_of_billions_of_paths_has_one_version_a_node() -> None:
    """Of the size of MIB's circuit for IOI; enumerating its paths would be hopeless."""
    edges = edges_of(GPT2)
    mask = np.zeros(len(edges), dtype=bool)
    mask[np.random.default_rng(0).choice(len(edges), 3000, replace=False)] = True
    circuit = circuit_of(GPT2, mask)
    plan = compile_plan([(circuit,)], Alphabet(GPT2))
    assert count_paths((circuit,), GPT2) > 10**6
    versions = [int(node) for stage in plan.stages for node in stage.nodes]
    assert len(versions) == len(set(versions)) <= len(GPT2.nodes)

"""All edges of a graph: how many, which, and in what order."""

from __future__ import annotations

import dataclasses

import pytest

from circuit.graphs import GPT2, NAMES, SIX, SMALL
from pathpatch_runner.circuit import edges_of
from pathpatch_runner.graph import Graph


def test_six_edges_in_order() -> None:
    edges = edges_of(SIX)
    assert edges.names == NAMES
    assert len(edges) == 6
    assert edges.writer.tolist() == [0, 0, 1, 0, 1, 2]
    assert edges.reader.tolist() == [1, 2, 2, 3, 3, 3]
    assert edges.slot.tolist() == [0] * 6


def test_gpt2_small_has_those_that_eap_has() -> None:
    """By hand: into layer l's heads 3 x 12 slots from 1 + 13 l writers, into its MLP 13 + 13 l,
    into the logits 157."""
    by_hand = sum(36 * (1 + 13 * layer) + 13 + 13 * layer for layer in range(12)) + 157
    assert len(edges_of(GPT2)) == by_hand == 32_491


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        # Writers into layer 0 and 1 and the logits, of 2 heads x 3 slots, 1 MLP.
        ({}, 6 * 1 + 3 + 6 * 4 + 6 + 7),
        ({"attn_only": True}, 6 * 1 + 6 * 3 + 5),
        ({"parallel": True}, 7 * 1 + 7 * 4 + 7),
        ({"separable_heads": False}, 3 * 1 + 2 + 3 * 3 + 4 + 5),
    ],
)
def test_kinds_of_models(changes: dict[str, bool], count: int) -> None:
    graph = Graph(dataclasses.replace(SMALL.shape, **changes))
    edges = edges_of(graph)
    assert len(edges) == len(set(edges.names)) == count
    stage = graph.stage_of
    assert all(
        stage[writer] < stage[reader]
        for writer, reader in zip(edges.writer, edges.reader, strict=True)
    )


def test_names_and_numbers() -> None:
    edges = edges_of(SMALL)
    number = edges.index["a0.h1->a1.h0<k>"]
    nodes = SMALL.nodes
    assert nodes[edges.writer[number]].name == "a0.h1"
    assert nodes[edges.reader[number]].name == "a1.h0"
    assert nodes[edges.reader[number]].slots[edges.slot[number]] == "k"

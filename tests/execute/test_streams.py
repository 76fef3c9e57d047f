"""`r5@S1` is ordinary residual-stream patching: a plain forward pass in which what layer 5 reads at
S1 is overwritten by its value in the other run."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from execute.executors import run
from execute.models import TOLERANCE, Specimen, specimen
from execute.path_sets import random_pairs
from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, NodeKind
from reference.reference_model import ReferenceModel

NAMES = ("gpt2", "gpt_neox", "native", "attention only", "gemma2")


@torch.no_grad()
def forward(
    model: ReferenceModel,
    graph: Graph,
    inputs: torch.Tensor,
    layer: int = -1,
    position: int = 0,
    value: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A plain forward pass: logits at the end, and what `layer` reads at `position` [d_model],
    which is `value` if that is given. Nodes of one stage read the same stream [pos, d_model]."""
    stream, read = inputs, inputs[position]
    for nodes in graph.stages[1:]:
        here = graph.nodes[nodes[0]].layer
        if layer == (graph.shape.n_layers if nodes[0] == graph.logits else here):
            read = stream[position]
            if value is not None:
                stream = stream.clone()
                stream[position] = read = value
            layer = -1
        full = stream + model.constant(graph, graph.stage_of[nodes[0]])
        for node in nodes:
            if node != graph.logits:
                stream = stream + _written(model, graph, node, full)
    return model.logits(full[-1]).detach(), read


def _written(model: ReferenceModel, graph: Graph, node: int, full: torch.Tensor) -> torch.Tensor:
    one = graph.nodes[node]
    if one.kind is NodeKind.mlp:
        return model.mlp(one.layer, full)
    head = None if one.kind is NodeKind.attention else one.head
    rows = [
        model.attention(
            one.layer, head, i, list(range(i + 1)), full[i], full[: i + 1], full[: i + 1]
        )
        for i in range(len(full))
    ]
    return torch.stack(rows)


def route(text: str, graph: Graph) -> PathSet:
    return (read_route(text, Scope(graph)),)


def logit_differences(one: Specimen, pairs: PairSet, sets: list[PathSet]) -> np.ndarray:
    """[path set, pair], noising."""
    measured = run("delta", one, pairs, sets, [Direction.noising])
    return np.asarray(measured.patched[Direction.noising][:, 0])


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_residual_stream_patching(name: str) -> None:
    one = specimen(name)
    graph = Graph(one.model.shape)
    pairs = random_pairs(random.Random(name), one.model.shape.d_vocab, (4,), everywhere=False)
    layers, positions = range(graph.shape.n_layers + 1), range(4)
    texts = [f"r{layer}@[{position}] => logits" for layer in layers for position in positions]
    found = logit_differences(one, pairs, [route(text, graph) for text in texts])
    for number, pair in enumerate(pairs.pairs):
        clean, corrupt = (
            one.reference.embed(torch.tensor(ids)) for ids in (pair.clean, pair.corrupt)
        )
        point = pair.points[0]
        expected = []
        for layer in layers:
            for position in positions:
                _, value = forward(one.reference, graph, corrupt, layer, position)
                logits, _ = forward(one.reference, graph, clean, layer, position, value)
                answers, distractors = logits[list(point.answers)], logits[list(point.distractors)]
                expected.append(float(answers.mean() - distractors.mean()))
        assert found[:, number] == pytest.approx(np.array(expected), abs=TOLERANCE[name])
    assert np.ptp(found[:, 0]) > 1e-3


def test_all_positions_together_are_the_whole_run() -> None:
    """Every path crosses a layer at one position: the union over positions is everything."""
    one = specimen("native")
    graph = Graph(one.model.shape)
    pairs = random_pairs(random.Random(1), one.model.shape.d_vocab, (3,), everywhere=False)
    some = [read_route(f"r1@[{position}] => logits", Scope(graph)) for position in range(3)]
    union, plain, everything = logit_differences(
        one,
        pairs,
        [tuple(some), route("input => r1 => logits", graph), route("input => logits", graph)],
    )
    assert union == pytest.approx(everything, abs=1e-9)
    assert plain == pytest.approx(everything, abs=1e-9)

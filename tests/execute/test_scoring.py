"""Scores of edges and nodes: exact against one network patched by hand, and on a linear model every
method is exact."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from execute.models import TOLERANCE, specimen
from execute.path_sets import random_pairs, task_of
from pathpatch_runner.circuit import edges_of
from pathpatch_runner.config import Direction, Dtype, Scored
from pathpatch_runner.execute.scoring import Scoring, score, scoring_evaluations, scoring_task
from pathpatch_runner.graph import Graph
from pathpatch_runner.metric import Targets
from pathpatch_runner.metric.resolve import metric_named
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.source import source_of
from reference.shared_network import shared_run

METHODS = ("exact", "eap", "eap_ig_inputs", "eap_ig_activations")


@pytest.mark.parametrize("of", list(Scored))
@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "native rotary grouped"])
def test_exact_scores_are_single_patches(name: str, direction: Direction, of: Scored) -> None:
    one = specimen(name)
    graph = Graph(one.model.shape)
    pairs = random_pairs(random.Random(name), 11, (3, 2), everywhere=True)
    task, _ = task_of(one.model, pairs, [], ("kl", "logit_diff"))
    scoring = Scoring(of, direction, 1, "delta")
    done: list[int] = []
    task = scoring_task(task, "logit_diff")
    found = score(task, "exact", scoring, done.append)
    assert sum(done) == scoring_evaluations(task, scoring, ["exact"])
    edges = edges_of(graph)
    assert len(found) == (len(edges) if of is Scored.edges else graph.logits)
    rng = random.Random(f"{name}/{direction}")
    chosen = rng.sample(range(len(found)), min(8, len(found)))
    for index, pair in enumerate(pairs.pairs):
        both = [one.reference.embed(torch.tensor(ids)) for ids in (pair.clean, pair.corrupt)]
        base, patched = (
            shared_run(one.reference, graph, embedded)
            for embedded in (both if direction is Direction.noising else both[::-1])
        )
        for number in chosen:
            if of is Scored.edges:
                writer, reader = int(edges.writer[number]), int(edges.reader[number])
                slot = graph.nodes[reader].slots[edges.slot[number]]
                change = patched.written[writer] - base.written[writer]
                start = base.written[0]
                run = shared_run(one.reference, graph, start, {(reader, slot): change})
            else:
                held = {number: patched.written[number]}
                run = shared_run(one.reference, graph, base.written[0], held=held)
            wanted = sum(
                _metric(run.logits, p.position, p.answers, p.distractors)
                - _metric(base.logits, p.position, p.answers, p.distractors)
                for p in pair.points
            )
            assert found[number, index] == pytest.approx(wanted, abs=10 * TOLERANCE[name])


def _metric(
    logits: torch.Tensor, position: int, answers: tuple[int, ...], distractors: tuple[int, ...]
) -> float:
    targets = Targets(torch.tensor([answers]), torch.tensor([distractors]))
    return float(metric_named("logit_diff").compute(logits[position][None], targets))


@pytest.mark.parametrize("of", list(Scored))
@pytest.mark.parametrize("method", METHODS)
def test_on_a_linear_model_every_method_is_exact(method: str, of: Scored) -> None:
    """No norm, one token, so that attention is the identity: all is linear in the embedding."""
    fields = {
        "n_layers": 2, "n_heads": 2, "d_model": 6, "d_head": 3, "n_ctx": 2, "d_vocab": 7,
        "attn_only": True, "normalization_type": None, "positional_embedding_type": "standard",
        "act_fn": "relu",
    }  # fmt: skip
    model = load_model(source_of(NativeModelConfig(config=fields, dtype=Dtype.float64), 0), "cpu")
    pairs = random_pairs(random.Random(2), 7, (1, 1, 1), everywhere=True)
    task, _ = task_of(model, pairs, [], ("logit_diff",))
    scoring = Scoring(of, Direction.noising, 3, "delta")
    exact = score(task, "exact", scoring)
    assert np.abs(exact).max() > 1e-3
    assert score(task, method, scoring) == pytest.approx(exact, abs=1e-12)

"""Scores by gradient, against finite differences of a network spelled out, sum rules and
TransformerLens' own edge attribution."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from transformer_lens.tools.analysis.attribution_patching import (
    EdgeAttributionConfig,
    attribution_patch,
)

from execute.models import NAMES, TOLERANCE, Specimen, specimen
from execute.path_sets import random_pairs, task_of
from pathpatch_runner.circuit import edges_of
from pathpatch_runner.config import Direction, Scored
from pathpatch_runner.dataset import Pair, PairSet
from pathpatch_runner.execute.gradient.drive import gradient_scores
from pathpatch_runner.execute.scoring import Scoring, scoring_evaluations
from pathpatch_runner.graph import Graph
from pathpatch_runner.metric import Targets
from pathpatch_runner.metric.resolve import metric_named
from reference.shared_network import SharedRun, Slot, shared_run

METRIC = "logit_diff"
STEP = 1e-4
"""Of a central difference: its error is of the order of STEP squared."""
COARSE = 1e-2
"""Of models that compute norms or rotations in float32, whose rounding a small step blows up."""


def step_of(name: str) -> float:
    """The step for a specimen."""
    return STEP if TOLERANCE[name] < 1e-8 else COARSE


def pairs_for(one: Specimen, seed: str) -> PairSet:
    """Two pairs, read at one position."""
    shape = one.model.shape
    rng = random.Random(seed)
    return random_pairs(rng, shape.d_vocab, (3, 3), everywhere=False, n_logits=shape.n_logits)


def scores(
    one: Specimen,
    pairs: PairSet,
    method: str,
    steps: int = 1,
    metric: str = METRIC,
    direction: Direction = Direction.noising,
) -> np.ndarray:
    """[edge, pair]."""
    task, _ = task_of(one.model, pairs, [], (metric,))
    return gradient_scores(task, method, steps, direction)


@dataclass(frozen=True)
class Runs:
    """Both runs of a pair, and what they were embedded as: `first` clean, `last` corrupt."""

    pair: Pair
    first: torch.Tensor
    last: torch.Tensor
    clean: SharedRun
    corrupt: SharedRun

    @classmethod
    def of(cls, one: Specimen, pair: Pair) -> Runs:
        graph, reference = Graph(one.model.shape), one.reference
        both = [reference.embed(torch.tensor(ids)).detach() for ids in (pair.clean, pair.corrupt)]
        first, last = both
        clean, corrupt = (shared_run(reference, graph, embedded) for embedded in both)
        return cls(pair, first, last, clean, corrupt)

    def value(self, run: SharedRun, metric: str) -> float:
        """The metric of a run, summed over the pair's points."""
        total = 0.0
        for point in self.pair.points:
            targets = Targets(
                torch.tensor([point.answers]),
                torch.tensor([point.distractors]),
                self.clean.logits[point.position][None],
            )
            logits = run.logits[point.position][None]
            total += float(metric_named(metric).compute(logits, targets))
        return total


def derivative(
    one: Specimen,
    runs: Runs,
    slot: Slot,
    change: torch.Tensor,
    embedded: torch.Tensor,
    moved: Mapping[int, torch.Tensor] | None = None,
    metric: str = METRIC,
    step: float = STEP,
) -> float:
    """Of the metric, in the size of a change added to what a slot reads: a central difference."""
    graph = Graph(one.model.shape)
    ends = [
        runs.value(
            shared_run(one.reference, graph, embedded, {slot: scale * change}, moved=moved), metric
        )
        for scale in (step, -step)
    ]
    return (ends[0] - ends[1]) / (2 * step)


Expected = Callable[[Specimen, Runs, Slot, torch.Tensor], float]


def check(one: Specimen, name: str, found: np.ndarray, pairs: PairSet, expected: Expected) -> None:
    """Some edges of every kind of reader, on every pair."""
    graph = Graph(one.model.shape)
    edges = edges_of(graph)
    assert found.shape == (len(edges), len(pairs.pairs))
    rng = random.Random(name)
    scale = np.abs(found).max()
    both = [Runs.of(one, pair) for pair in pairs.pairs]
    for number in rng.sample(range(len(edges)), min(5, len(edges))):
        reader = graph.nodes[edges.reader[number]]
        slot = (int(edges.reader[number]), reader.slots[edges.slot[number]])
        for index, runs in enumerate(both):
            writer = int(edges.writer[number])
            change = runs.corrupt.written[writer] - runs.clean.written[writer]
            wanted = expected(one, runs, slot, change)
            assert found[number, index] == pytest.approx(
                wanted, rel=1e-6, abs=scale * (1e-7 if step_of(name) == STEP else 5e-3)
            ), edges.names[number]


@pytest.mark.parametrize("name", NAMES)
def test_eap_is_the_derivative_of_the_exact_effect(name: str) -> None:
    one = specimen(name)
    pairs = pairs_for(one, name)

    def expected(one: Specimen, runs: Runs, slot: Slot, change: torch.Tensor) -> float:
        return derivative(one, runs, slot, change, runs.first, step=step_of(name))

    check(one, name, scores(one, pairs, "eap"), pairs, expected)


@pytest.mark.parametrize("metric", ["loss", "kl", "prob_diff"])
def test_metrics_of_every_column_have_gradients_too(metric: str) -> None:
    one = specimen("gpt2")
    pairs = pairs_for(one, metric)
    direction = Direction.denoising

    def expected(one: Specimen, runs: Runs, slot: Slot, change: torch.Tensor) -> float:
        return -derivative(one, runs, slot, change, runs.last, metric=metric)

    # From the corrupt run: kl is flat at the clean one.
    found = scores(one, pairs, "eap", metric=metric, direction=direction)
    check(one, "gpt2", found, pairs, expected)


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "llama", "attention only"])
def test_inputs_are_integrated_from_the_corrupt_end(name: str) -> None:
    """Embeddings corrupt + k/m (clean - corrupt), k = 0 .. m-1, as EAP-IG has them."""
    one = specimen(name)
    pairs = pairs_for(one, name)
    steps = 3

    def expected(one: Specimen, runs: Runs, slot: Slot, change: torch.Tensor) -> float:
        ends = runs.first, runs.last
        line = [ends[1] + k / steps * (ends[0] - ends[1]) for k in range(steps)]
        found = [derivative(one, runs, slot, change, at, step=step_of(name)) for at in line]
        return sum(found) / steps

    check(one, name, scores(one, pairs, "eap_ig_inputs", steps), pairs, expected)


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "attention only"])
def test_activations_are_integrated_write_by_write(name: str) -> None:
    """The input, each layer's attention, each MLP moved to corrupt + k/m (clean - corrupt), k = 1
    .. m, everything else as it follows in the clean run."""
    one = specimen(name)
    graph = Graph(one.model.shape)
    pairs = pairs_for(one, name)
    steps = 2
    groups = [[0]]
    for layer in range(one.model.shape.n_layers):
        groups.append([i for i, n in enumerate(graph.nodes) if n.name.startswith(f"a{layer}.")])
        groups += [[graph.index[f"m{layer}"]]] if f"m{layer}" in graph.index else []

    def expected(one: Specimen, runs: Runs, slot: Slot, change: torch.Tensor) -> float:
        clean, corrupt = runs.clean, runs.corrupt
        found = []
        for group in groups:
            for k in range(1, steps + 1):
                moved = {
                    node: (1 - k / steps) * (corrupt.written[node] - clean.written[node])
                    for node in group
                }
                found.append(derivative(one, runs, slot, change, runs.first, moved))
        return sum(found) / len(found)

    check(one, name, scores(one, pairs, "eap_ig_activations", steps), pairs, expected)


def test_integrated_inputs_add_up_to_the_total_effect() -> None:
    """Over the edges out of `input` they integrate the derivative along the line from the corrupt
    to the clean embedding. With k = 0 .. m-1 the error of m steps is e/m + f/m^2 + ...: twice that
    of 2m less that of m has no first term, and of two such sums the second goes likewise."""
    one = specimen("gpt2")
    pairs = pairs_for(one, "sum")
    edges = edges_of(Graph(one.model.shape))
    sums = {
        steps: scores(one, pairs, "eap_ig_inputs", steps)[edges.writer == 0].sum(axis=0)
        for steps in (20, 40, 80)
    }
    coarse, fine = (2 * sums[2 * steps] - sums[steps] for steps in (20, 40))
    found = (4 * fine - coarse) / 3
    for index, pair in enumerate(pairs.pairs):
        runs = Runs.of(one, pair)
        total = runs.value(runs.corrupt, METRIC) - runs.value(runs.clean, METRIC)
        assert found[index] == pytest.approx(total, rel=1e-3)


def test_agrees_with_the_edge_attribution_of_transformer_lens() -> None:
    """Theirs takes the gradient at the corrupt run and points to the clean one: our `denoising`. It
    has an edge for every position, and leaves positions out of its embedding writer, which changes
    nothing: both prompts have the same."""
    one = specimen("gpt2")
    pairs = pairs_for(one, "theirs")
    ours = scores(one, pairs, "eap", direction=Direction.denoising)
    graph = Graph(one.model.shape)
    edges = edges_of(graph)
    for index, pair in enumerate(pairs.pairs):
        clean, corrupt = torch.tensor([pair.clean]), torch.tensor([pair.corrupt])
        config = EdgeAttributionConfig(granularity="edge")
        with with_gradients(one.model.bridge):
            theirs = attribution_patch(
                one.model.bridge, clean, corrupt, partial(metric_of, pair), config
            )
        found = np.zeros(len(edges))
        for (writer, reader), score in theirs.edge_scores.items():
            found[edges.index[f"{writer_name(writer)}->{reader_name(reader)}"]] += score
        assert found == pytest.approx(ours[:, index], rel=1e-6, abs=1e-6)


def metric_of(pair: Pair, logits: torch.Tensor) -> torch.Tensor:
    """The metric of one pair's logits [1, pos, n_logits], at its only point."""
    [point] = pair.points
    targets = Targets(torch.tensor([point.answers]), torch.tensor([point.distractors]))
    found = metric_named(METRIC).compute(logits[0, point.position][None], targets)
    return found[0]


@contextmanager
def with_gradients(bridge: torch.nn.Module) -> Iterator[None]:
    """Theirs wants weights that have gradients; ours are loaded without."""
    for parameter in bridge.parameters():
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in bridge.parameters():
            parameter.requires_grad_(False)


def writer_name(node: object) -> str:
    """Our name of their writer."""
    kind, layer, head = (getattr(node, key) for key in ("kind", "layer", "head"))
    names = {"embed": "input", "attn_head_out": f"a{layer}.h{head}", "mlp_out": f"m{layer}"}
    return names[kind]


def reader_name(node: object) -> str:
    """Our name of their reader."""
    kind, layer, head = (getattr(node, key) for key in ("kind", "layer", "head"))
    if kind in ("q_input", "k_input", "v_input"):
        return f"a{layer}.h{head}<{kind[0]}>"
    return {"mlp_in": f"m{layer}", "logits": "logits"}[kind]


def test_a_small_budget_gives_the_same_scores() -> None:
    one = specimen("gpt2")
    pairs = random_pairs(random.Random(1), 11, (3, 3, 3, 2), everywhere=True)
    task, _ = task_of(one.model, pairs, [], (METRIC,))
    whole = gradient_scores(task, "eap", 1, Direction.noising)
    tight = dataclasses.replace(task, budget=dataclasses.replace(task.budget, bytes=2**17))
    batches: list[int] = []
    assert gradient_scores(tight, "eap", 1, Direction.noising, batches.append) == pytest.approx(
        whole, abs=1e-10
    )
    assert len(batches) > 2


@pytest.mark.parametrize(
    ("method", "runs"), [("eap", 1), ("eap_ig_inputs", 3), ("eap_ig_activations", 3 * (1 + 2 * 2))]
)
def test_every_run_is_told(method: str, runs: int) -> None:
    # Two layers of attention and an MLP each: the input and four writes move in three steps.
    pairs = random_pairs(random.Random(1), 11, (3, 3), everywhere=True)
    task, _ = task_of(specimen("gpt2").model, pairs, [], (METRIC,))
    told: list[int] = []
    gradient_scores(task, method, 3, Direction.noising, told.append)
    assert told == [2] * runs
    scoring = Scoring(Scored.edges, Direction.noising, 3, "delta")
    assert scoring_evaluations(task, scoring, [method]) == 2 * runs

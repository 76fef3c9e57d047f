"""Scores of all edges by gradient: a method is where the gradient is taken, and how often.

With *base* and *patched* the two runs of a direction (noising: clean and corrupt), m steps:

- `eap`: at the base run.
- `eap_ig_inputs`: the mean over k = 0 .. m-1 of gradients at the embedding
  patched + k/m (base - patched). The base end is not among them, as in EAP-IG.
- `eap_ig_activations`: of the base run with one write moved to patched + k/m (base - patched),
  k = 1 .. m; the mean over k and over the writes, which are the input, every layer's attention and
  every MLP: (2 layers + 1) m runs (attention-only models: (layers + 1) m). EAP-IG puts a constant
  in place of the write, which cuts the gradient there, so that not even a linear model comes out
  right; here the write is moved, and gradients pass through its node.

Signs and sums: a score estimates (patched - base) of the metric, summed over the evaluation points
of a pair; its mean over points is what tables hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from pathpatch_runner.execute.delta.deltas import Two
from pathpatch_runner.execute.delta.runs import Runs, write_heads
from pathpatch_runner.execute.gradient.changes import write_changes
from pathpatch_runner.execute.gradient.slots import SlotGradients, slot_gradients
from pathpatch_runner.execute.gradient.tape import Moved, Tape, record
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.model.nodes import Attention, NodeFunctions

Measure = Callable[[torch.Tensor], torch.Tensor]
"""The stream that the logits read [B, T, d_model] -> the metric, summed over all points."""


@dataclass(frozen=True)
class Ground:
    """What a batch's gradients are taken on. `runs`: base and patched; `count`: told of every run
    that gradients are taken of."""

    graph: Graph
    functions: NodeFunctions
    runs: Runs
    measure: Measure
    count: Callable[[], None] = lambda: None

    def embedding(self, share: float) -> torch.Tensor:
        """[B, T, d_model]: patched + share x (base - patched)."""
        return _between(self.runs.stream[1], share)

    def gradients(self, tape: Tape) -> Iterator[SlotGradients]:
        """At every slot of one run."""
        return slot_gradients(self.graph, self.functions, tape, self.measure(tape.final))

    def record(self, embedded: torch.Tensor, moved: Moved | None = None) -> Tape:
        """One run."""
        self.count()
        return record(self.functions, self.graph.shape, embedded, moved)


def _between(two: Two, share: float) -> torch.Tensor:
    base, patched = two
    return patched + share * (base - patched)


def _way(two: Two, share: float) -> torch.Tensor:
    """From base to what lies `share` of the way back from patched."""
    base, patched = two
    return (1 - share) * (patched - base)


def _eap(ground: Ground, steps: int) -> Iterator[Tape]:
    del steps
    yield ground.record(ground.embedding(1.0))


def _eap_ig_inputs(ground: Ground, steps: int) -> Iterator[Tape]:
    for step in range(steps):
        yield ground.record(ground.embedding(step / steps))


def _eap_ig_activations(ground: Ground, steps: int) -> Iterator[Tape]:
    base = ground.embedding(1.0)
    for step in range(1, steps + 1):
        share = step / steps
        yield ground.record(ground.embedding(share))
        for layer, part in enumerate(ground.functions.attention):
            run = ground.runs.attention[layer]
            wrote = run.out or (_all_heads(part, run.z[0]), _all_heads(part, run.z[1]))
            yield ground.record(base, Moved(layer, False, _way(wrote, share)))
            if ground.runs.mlp:
                by = _way(ground.runs.mlp[layer], share)
                yield ground.record(base, Moved(layer, True, by))


def _all_heads(part: Attention, z: torch.Tensor) -> torch.Tensor:
    return write_heads(part, z[None])[0]


METHODS: dict[str, Callable[[Ground, int], Iterator[Tape]]] = {
    "eap": _eap,
    "eap_ig_inputs": _eap_ig_inputs,
    "eap_ig_activations": _eap_ig_activations,
}
"""Name -> the runs whose gradients are averaged."""


def runs_of(method: str, steps: int, shape: ModelShape) -> int:
    """How many runs a method takes the gradients of."""
    of_step = {"eap_ig_inputs": 1, "eap_ig_activations": 1 + shape.n_layers * (2 - shape.attn_only)}
    return steps * of_step[method] if method in of_step else 1


def attribute(
    ground: Ground, method: str, steps: int, done: Callable[[], None] = lambda: None
) -> torch.Tensor:
    """Scores [edge, B] of all edges of the graph, as `circuit.edges` numbers them, in float64.
    `done` is called after each of `runs_of` runs."""
    with torch.no_grad():
        changes = write_changes(ground.graph, ground.functions, ground.runs)
    total: torch.Tensor | None = None
    runs = 0
    with torch.enable_grad():
        for tape in METHODS[method](ground, steps):
            found = _scores(ground, tape, changes)
            total = found if total is None else total + found
            runs += 1
            done()
    assert total is not None
    return total / runs


def _scores(ground: Ground, tape: Tape, changes: torch.Tensor) -> torch.Tensor:
    """[edge, B], of the gradients of one run."""
    graph = ground.graph
    by_step: dict[tuple[int, int], torch.Tensor] = {}
    flat = changes.flatten(2).transpose(0, 1)
    for gradients in ground.gradients(tape):
        n_writers = graph.stages[graph.stage_of[gradients.slots[0][0]]][0]
        # [B, S, W]: for each pair, slots against the writers below them.
        rows = gradients.values.flatten(2).transpose(0, 1)
        products = torch.bmm(rows, flat[:, :n_writers].transpose(1, 2)).double()
        for number, slot in enumerate(gradients.slots):
            by_step[slot] = products[:, number].T
    return torch.cat([by_step[slot] for slot in sorted(by_step)])

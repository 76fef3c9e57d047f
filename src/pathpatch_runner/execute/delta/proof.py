"""What a model must pass before `delta` is trusted with it.

`delta` computes with a second statement of the model (`model.nodes`). On random tokens it must
reproduce what the model itself computes, head by head and layer by layer, both plain runs' logits,
and random mixed plans as the `hooks` executor evaluates them. Otherwise the run uses `hooks`, and
says which check failed.

All of it takes four forward passes: one of the model on two pairs at full length, as long as the
longest prompt of the data in powers of two; and on short prompts the plain runs of both executors
and one pass of the `hooks` executor for all mixed plans. Nothing depends on the data but that
length, so a proof can be kept (`execute.proofs`).
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import Pair, PairSet, Point
from pathpatch_runner.errors import ModelError
from pathpatch_runner.execute.batch import make_batch
from pathpatch_runner.execute.delta.runs import Runs, plain_runs
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.guards import GUARD_PAIRS, TOLERANCES, Guard, within
from pathpatch_runner.execute.recording import Recorded, recorded
from pathpatch_runner.execute.sources import Corruption
from pathpatch_runner.execute.task import Task
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet, Route, StepPattern, Steps
from pathpatch_runner.graph import Graph, ModelShape, NodeKind
from pathpatch_runner.metric import Metric, Targets
from pathpatch_runner.model.nodes import embed, node_functions
from pathpatch_runner.plan.compile import compile_plan

MIXED_PLANS = 6
PROBE_LENGTH = 64
"""Tokens of a prompt that mixed plans are tried on: enough to exercise them, cheap."""


@dataclass(frozen=True)
class Proof:
    """The checks made, and why `delta` cannot be used; None: it can. `lasting`: not because of
    something that may be otherwise next time, such as memory."""

    guards: tuple[Guard, ...]
    failure: str | None
    lasting: bool = True


def prove(task: Task) -> Proof:
    """Try `delta` on the model of a task, at the length of its prompts (`proof_length`)."""
    with task.model.counting("proof"):
        return _proof(task)


def proof_length(pairs: Sequence[Pair], shape: ModelShape) -> int:
    """Tokens a proof must cover: of the longest prompt, as a power of two, if the model takes
    so many."""
    longest = max(len(pair.clean) for pair in pairs)
    return min(1 << (longest - 1).bit_length(), shape.n_ctx)


def _proof(task: Task) -> Proof:
    length = proof_length(task.pairs.pairs, task.model.shape)
    try:
        # At full length: a model may attend otherwise to what lies far back.
        guards = _plain_checks(_probe(task, length))
        if all(guard.passed for guard in guards):
            guards += (_mixed_check(_probe(task, min(length, PROBE_LENGTH))),)
    except ModelError as error:
        return Proof((), str(error))
    except Exception as error:  # whatever goes wrong in a second statement of a model, it is wrong
        what = f"{type(error).__name__}: {error}"
        return Proof((), f"the parts of the model are not as expected: {what}", lasting=False)
    failed = [guard for guard in guards if not guard.passed]
    if failed:
        worst = failed[0]
        reason = f'check "{worst.name}" failed: off by {worst.value:.3g} of {worst.tolerance:.3g}'
        return Proof(guards, reason)
    return Proof(guards, None)


def _probe(task: Task, length: int) -> Task:
    """Pairs of random tokens, with an evaluation point at every position."""
    generator = random.Random(length)
    pairs = []
    for number in range(GUARD_PAIRS):
        clean, corrupt = (
            tuple(generator.randrange(task.model.shape.d_vocab) for _ in range(length))
            for _ in range(2)
        )
        points = tuple(Point(i) for i in range(length))
        pairs.append(Pair(str(number), clean, corrupt, points, {}))
    metric = Metric("projection", _projection, "logits", "higher", answers=False)
    return dataclasses.replace(
        task,
        pairs=PairSet("probe", tuple(pairs)),
        classes=[[0] * length for _ in pairs],
        metrics=(metric,),
        source=Corruption(),
    )


def _projection(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Logits along a fixed direction in which every token counts alike."""
    del targets
    signs = torch.arange(logits.shape[-1], device=logits.device) % 2 * 2 - 1
    result: torch.Tensor = (logits.double() * signs).sum(-1) / logits.shape[-1] ** 0.5
    return result


def _plain_checks(probe: Task) -> tuple[Guard, ...]:
    """Own plain runs against the model's activations and logits."""
    model = probe.model
    tolerance = TOLERANCES[model.dtype]
    batch = make_batch(
        probe.pairs.pairs, list(range(len(probe.pairs.pairs))), probe.classes, model.device
    )
    ids = torch.cat([batch.clean, batch.corrupt])
    run = _model_run(probe, ids)
    functions = node_functions(model, ids.shape[1])
    with torch.no_grad():
        embedded = embed(model, ids, []).unflatten(0, (2, -1))
        runs = plain_runs(functions, model.shape, embedded)
        own = functions.logits.logits(functions.logits.norm(torch.stack(runs.stream[-1])))
    guards = _layer_checks(probe, runs, run.seen, tolerance)
    guards.append(
        within("delta: logits of both plain runs", own.flatten(0, 1), run.logits, tolerance)
    )
    return tuple(guards)


def _layer_checks(
    probe: Task, runs: Runs, seen: dict[str, torch.Tensor], tolerance: float
) -> list[Guard]:
    """The worst layer of each kind of node."""
    names = probe.model.hook_points.layers
    heads = []
    for layer, run in enumerate(runs.attention):
        own = torch.cat(run.z, dim=1).permute(1, 2, 0, 3)
        found = seen[names[layer].z].reshape(own.shape)
        heads.append(within(f"delta: heads of layer {layer}", own, found, tolerance))
    mlps = []
    # Where a norm follows the MLP, the hook sees what it wrote before or after it.
    if probe.model.shape.separable_heads:
        for layer, written in enumerate(runs.mlp):
            name = names[layer].mlp_out
            assert name is not None
            own = torch.cat(written)
            mlps.append(within(f"delta: MLP of layer {layer}", own, seen[name], tolerance))
    return [max(found, key=lambda guard: guard.value) for found in (heads, mlps) if found]


def _model_run(probe: Task, ids: torch.Tensor) -> Recorded:
    layers = probe.model.hook_points.layers
    names = [name for layer in layers for name in (layer.z, layer.mlp_out) if name is not None]
    return recorded(probe.model, ids, names)


def _mixed_check(probe: Task) -> Guard:
    """Random mixed plans, by both executors."""
    graph = Graph(probe.model.shape)
    path_sets = random_path_sets(graph, MIXED_PLANS)
    alphabet = Alphabet(graph)
    plan = compile_plan(path_sets, alphabet)
    found, expected = (
        evaluate(name, probe, plan, [Direction.noising]).patched[Direction.noising]
        for name in ("delta", "hooks")
    )
    scale = max(float(np.abs(expected).max()), 1e-30)
    value = float(np.abs(found - expected).max()) / scale
    tolerance = TOLERANCES[probe.model.dtype]
    return Guard("delta: random mixed plans = hooks", value, tolerance, value <= tolerance)


def random_path_sets(graph: Graph, count: int) -> list[PathSet]:
    """Path sets `sender -> receiver<slots>` then directly, through MLPs or through anything."""
    generator = random.Random(0)
    attention = [
        i for i, node in enumerate(graph.nodes) if node.kind in (NodeKind.head, NodeKind.attention)
    ]
    mlps = [i for i, node in enumerate(graph.nodes) if node.kind is NodeKind.mlp]
    inner = frozenset(range(1, graph.logits))
    links = [None, Steps((StepPattern(frozenset(mlps)),)), Steps((StepPattern(inner),))]
    last = Steps((StepPattern(frozenset([graph.logits])),))
    found: list[PathSet] = []
    for number in range(count):
        receiver = generator.choice(attention)
        below = [i for i in range(graph.logits) if graph.stage_of[i] < graph.stage_of[receiver]]
        sender = Steps((StepPattern(frozenset([generator.choice(below)])),))
        slots = frozenset(("q", "k", "v", "qkv")[number % 4])
        reader = Steps((StepPattern(frozenset([receiver]), slots),))
        link = links[number % 3]
        found.append((Route((sender, reader, last), (None, link)),))
    return found

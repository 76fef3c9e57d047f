"""Identities that every run checks on its own model and data before anything is believed.

    patch nothing          copies of the network that are given the base run: = clean
    patch everything       the same from the patched run: = corrupt
    nodes sum to stream    embedding + what every node wrote = the final residual stream
    direct path            `input -> logits` by worlds = unembedding of (stream + input change)
    broken plan is caught  the same world without its input copy must fail the check above

Three forward passes of two pairs: one that records the clean run, one of all the copies, one of
the direct path and its broken twin.

The last two do not depend on how much the data's own corruption changes, or how it is rounded.
They plant a change of the input as large as the final stream itself, so that its direct effect is
as large as the logits, and measure by that effect: a right plan is off by rounding, a broken one by
the whole of it. Where even this changes no logit (logits that read nothing), or where the parts of
the model are not known, the two are *not made*, and say why.

Values are the largest difference, relative to the largest entry of what is expected, or to the
largest planted effect.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import group_by_length
from pathpatch_runner.errors import GuardError
from pathpatch_runner.execute.batch import Batch, make_batch
from pathpatch_runner.execute.hooks.passes import WorldRun, run_worlds
from pathpatch_runner.execute.prompts import Prompts, prompts_of
from pathpatch_runner.execute.recording import recorded
from pathpatch_runner.execute.task import Task
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import Route, StepPattern, Steps
from pathpatch_runner.graph import Graph
from pathpatch_runner.model.hook_points import written_to_stream
from pathpatch_runner.model.load import LoadedModel
from pathpatch_runner.model.nodes import Unembedding, embed, unembedding
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.forced import forced_plan
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.set_plan import BASE, PATCHED
from pathpatch_runner.plan.worlds import Copy, LayerCopies, Worlds, lay_out

GUARD_PAIRS = 2
TOLERANCES = {
    # Some architectures compute their norms in float32 whatever the model's number format.
    torch.float64: 1e-5,
    torch.float32: 1e-3,
    torch.bfloat16: 0.1,
    torch.float16: 0.03,
}
DIRECT, CAUGHT = "direct path = direct effect", "a broken plan is caught"


@dataclass(frozen=True)
class Guard:
    """One checked identity: `value` is how far from it the run was. `note`: why it was not made,
    where it was not; then there is no value (NaN), and nothing failed."""

    name: str
    value: float
    tolerance: float
    passed: bool
    note: str = ""


def within(
    name: str,
    found: torch.Tensor,
    expected: torch.Tensor,
    tolerance: float,
    scale: float | None = None,
) -> Guard:
    """A guard that `found` equals `expected`, relative to `scale` (None: the largest entry)."""
    scale = float(expected.abs().max()) if scale is None else scale
    value = float((found - expected).abs().max()) / max(scale, 1e-30)
    return Guard(name, value, tolerance, value <= tolerance)


def check_guards(task: Task) -> tuple[Guard, ...]:
    """All guards on the first pairs of a task. Raises GuardError if one fails."""
    with task.model.counting("guards"):
        run = _GuardRun(task)
        guards = (*run.copies_of_plain_runs(), *run.nodes_sum_to_stream(), *run.direct_path())
    failed = [guard for guard in guards if not guard.passed]
    if failed:
        raise GuardError(
            f'guard "{failed[0].name}" failed: off by {failed[0].value:.3g}, tolerated '
            f"{failed[0].tolerance:.3g}. The results would be wrong, so nothing was run. Report "
            "the model and this message; model.dtype=float64 tells rounding from a real fault"
        )
    return guards


class _GuardRun:
    """The guards of a task, which share a recorded pass of the clean prompts."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._model: LoadedModel = task.model
        self._graph = Graph(task.model.shape)
        chosen = group_by_length(task.pairs.pairs)[0][:GUARD_PAIRS]
        n_classes = 1 + max(map(max, task.classes))
        self._batch: Batch = make_batch(
            task.pairs.pairs, chosen, task.classes, task.model.device, n_classes=n_classes
        )
        noise = task.source.noise(self._batch, 0)
        self._prompts: Prompts = prompts_of(self._batch, Direction.noising, noise)
        self._everywhere = torch.zeros_like(self._batch.classes)
        self._tolerance = TOLERANCES[task.model.dtype]
        shape = self._graph.shape
        self._first = task.model.hook_points.layers[0].resid_pre
        self._last = task.model.hook_points.stream_after(shape.n_layers - 1)
        self._written = written_to_stream(shape)
        there = [name for name in self._written if name in self._model.bridge.hook_dict]
        self._clean = recorded(
            self._model, self._prompts.base, [self._first, self._last, *there]
        ).seen

    def _run(self, plan: Plan, prompts: Prompts, worlds: Worlds) -> WorldRun:
        return run_worlds(self._model, plan, prompts, self._everywhere, worlds)

    def copies_of_plain_runs(self) -> tuple[Guard, ...]:
        """Copies of the network are given one prompt, through every kind of hook."""
        plan = forced_plan(self._graph, [BASE, PATCHED])
        run = self._run(plan, self._prompts, lay_out(plan))
        names = ("patch nothing = clean", "patch everything = corrupt")
        return tuple(
            within(
                name,
                run.logits[run.worlds.outputs[prompt][0]],
                run.logits[prompt],
                self._tolerance,
            )
            for prompt, name in enumerate(names)
        )

    def nodes_sum_to_stream(self) -> tuple[Guard, ...]:
        """On the clean prompts; no guard where what is added to the stream has no hook."""
        if any(name not in self._clean for name in self._written):
            return ()
        total = self._clean[self._first] + sum(self._clean[name] for name in self._written)
        name = "node outputs sum to the stream"
        return (within(name, total, self._clean[self._last], self._tolerance),)

    def direct_path(self) -> tuple[Guard, ...]:
        """`input -> logits` of a planted change, and a broken twin that must be noticed."""
        try:
            part = unembedding(self._model)
        except AttributeError as error:
            return self._not_made(f"the parts of the model are not as expected: {error}")
        planted = self._planted()
        expected, effect = self._direct_effect(part, planted)
        if not effect > 0:
            return self._not_made("no change of the input changes a logit directly")
        steps = [Steps((StepPattern(frozenset([node])),)) for node in (0, self._graph.logits)]
        plan = compile_plan([(Route(tuple(steps), (None,)),)], Alphabet(self._graph))
        prompts = Prompts(self._prompts.base, self._prompts.base, None, planted)
        run = self._run(plan, prompts, with_broken_twin(lay_out(plan)))
        right, wrong = run.logits[-2], run.logits[-1]
        held = within(DIRECT, right, expected, self._tolerance, effect)
        missed = within(CAUGHT, wrong, expected, self._tolerance, effect)
        return held, dataclasses.replace(missed, passed=not missed.passed)

    def _not_made(self, why: str) -> tuple[Guard, ...]:
        return tuple(
            Guard(name, math.nan, self._tolerance, True, f"not made: {why}")
            for name in (DIRECT, CAUGHT)
        )

    def _planted(self) -> torch.Tensor:
        """Noise [pair, pos, d_model] on the embeddings, as large as the final stream."""
        last = self._clean[self._last]
        generator = torch.Generator().manual_seed(0)
        return torch.randn(last.shape, generator=generator).to(last) * last.double().std().to(last)

    def _direct_effect(
        self, part: Unembedding, planted: torch.Tensor
    ) -> tuple[torch.Tensor, float]:
        """(logits of the clean final stream + the change of what the first layer reads, the
        largest change of a logit that this makes)."""

        def add(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            return values + planted

        ids = self._prompts.base
        change = embed(self._model, ids, [(self._model.hook_points.embed, add)])
        change = change - embed(self._model, ids, [])
        last = self._clean[self._last]
        expected = part.logits(part.norm(last + change))
        return expected, float((expected - part.logits(part.norm(last))).abs().max())


def with_broken_twin(worlds: Worlds) -> Worlds:
    """The layout with a copy of its last world at the end, whose input is the base run's: as if
    the plan had lost its copies of the input."""
    last = worlds.count - 1

    def twins(copies: tuple[Copy, ...]) -> tuple[Copy, ...]:
        twin = {last: worlds.count}
        return (
            *copies,
            *(
                Copy(twin[copy.world], copy.head, tuple(twin.get(s, s) for s in copy.sources))
                for copy in copies
                if copy.world == last
            ),
        )

    layers = tuple(
        LayerCopies(
            q=twins(layer.q),
            k=twins(layer.k),
            v=twins(layer.v),
            by_distance=layer.by_distance,
            z=twins(layer.z),
            mlp=twins(layer.mlp),
        )
        for layer in worlds.layers
    )
    n_classes = len(worlds.inputs[0])
    return Worlds(worlds.count + 1, (*worlds.inputs, (BASE,) * n_classes), layers, worlds.outputs)

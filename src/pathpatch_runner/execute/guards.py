"""Identities that every run checks on its own model and data before anything is believed.

    patch nothing          a plan that copies everything everywhere, from the base run: = clean
    patch everything       the same from the patched run: = corrupt
    nodes sum to stream    embedding + what every node wrote = the final residual stream
    direct path            `input -> logits` by worlds = unembedding of (stream + embedding change)
    broken plan is caught  the same plan with its input copies dropped must fail the check above

Values are the largest difference of logits (or stream entries), relative to the largest entry.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pathpatch_runner.config import Direction, Source
from pathpatch_runner.dataset import group_by_length
from pathpatch_runner.errors import GuardError, ModelError
from pathpatch_runner.execute.batch import Batch, make_batch
from pathpatch_runner.execute.hooks.passes import WorldRun, run_worlds
from pathpatch_runner.execute.prompts import Prompts, prompts_of
from pathpatch_runner.execute.task import Task
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import Route, StepPattern, Steps
from pathpatch_runner.graph import Graph
from pathpatch_runner.model.load import LoadedModel
from pathpatch_runner.model.nodes import embed, node_functions, unembedding
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.forced import forced_plan
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.set_plan import BASE, PATCHED
from pathpatch_runner.plan.worlds import Worlds, lay_out

GUARD_PAIRS = 2
TOLERANCES = {
    # Some architectures compute their norms in float32 whatever the model's number format.
    torch.float64: 1e-5,
    torch.float32: 1e-3,
    torch.bfloat16: 0.1,
    torch.float16: 0.03,
}


@dataclass(frozen=True)
class Guard:
    """One checked identity: `value` is how far from it the run was."""

    name: str
    value: float
    tolerance: float
    passed: bool


def within(name: str, found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> Guard:
    """A guard that `found` equals `expected`, relative to the largest entry expected."""
    scale = max(float(expected.abs().max()), 1e-30)
    value = float((found - expected).abs().max()) / scale
    return Guard(name, value, tolerance, value <= tolerance)


def check_guards(task: Task) -> tuple[Guard, ...]:
    """All guards on the first pairs of a task. Raises GuardError if one fails."""
    run = _GuardRun(task)
    guards = (
        *run.copies_of_plain_runs(),
        *run.nodes_sum_to_stream(),
        *run.direct_path(),
    )
    failed = [guard for guard in guards if not guard.passed]
    if failed:
        raise GuardError(
            f'guard "{failed[0].name}" failed: off by {failed[0].value:.3g}, tolerated '
            f"{failed[0].tolerance:.3g}. The results would be wrong, so nothing was run. Report "
            "the model and this message; model.dtype=float64 tells rounding from a real fault"
        )
    return guards


class _GuardRun:
    def __init__(self, task: Task) -> None:
        self._model: LoadedModel = task.model
        self._graph = Graph(task.model.shape)
        chosen = group_by_length(task.pairs.pairs)[0][:GUARD_PAIRS]
        n_classes = 1 + max(map(max, task.classes))
        self._batch: Batch = make_batch(
            task.pairs.pairs, chosen, task.classes, task.model.device, n_classes=n_classes
        )
        noise = task.source.noise(self._batch, 0) if task.source.kind is Source.noise else None
        self._prompts: Prompts = prompts_of(self._batch, Direction.noising, noise)
        self._everywhere = torch.zeros_like(self._batch.classes)
        self._tolerance = TOLERANCES[task.model.dtype]

    def _run(self, plan: Plan, worlds: Worlds | None = None) -> WorldRun:
        return run_worlds(self._model, plan, self._prompts, self._everywhere, worlds)

    def copies_of_plain_runs(self) -> tuple[Guard, ...]:
        """Copies of the network are given one prompt, through every kind of hook."""
        plan = forced_plan(self._graph, [BASE, PATCHED])
        run = self._run(plan)
        names = ("patch nothing = clean", "patch everything = corrupt")
        return tuple(
            within(
                name, run.logits[run.worlds.outputs[prompt][0]], run.logits[prompt], self._tolerance
            )
            for prompt, name in enumerate(names)
        )

    def nodes_sum_to_stream(self) -> tuple[Guard, ...]:
        """On the clean prompts. No guard where norms stand between what the hooks see and the
        stream, and the nodes' own functions cannot be read either."""
        kept: dict[str, torch.Tensor] = {}

        def keep(name: str) -> Callable[[torch.Tensor, Any], torch.Tensor]:
            def kept_here(values: torch.Tensor, hook: Any) -> torch.Tensor:
                del hook
                kept[name] = values
                return values

            return kept_here

        shape = self._graph.shape
        written = [f"blocks.{layer}.hook_attn_out" for layer in range(shape.n_layers)]
        if not shape.attn_only:
            written += [f"blocks.{layer}.hook_mlp_out" for layer in range(shape.n_layers)]
        first = self._model.sites.layers[0].resid_pre
        last = f"blocks.{shape.n_layers - 1}.hook_resid_post"
        names = [first, last, *written, *(layer.z for layer in self._model.sites.layers)]
        self._model.forward(self._prompts.base, [(name, keep(name)) for name in names])
        name = "node outputs sum to the stream"
        if not shape.separable_heads:
            try:
                own = self._own_stream()
            except ModelError:
                return ()
            return (within(name, own, kept[last], self._tolerance),)
        total = kept[first] + sum(kept[site] for site in written)
        return (within(name, total, kept[last], self._tolerance),)

    def _own_stream(self) -> torch.Tensor:
        from pathpatch_runner.execute.delta.runs import plain_runs

        functions = node_functions(self._model, self._prompts.base.shape[1])
        embedded = embed(self._model, self._prompts.base, [])
        return plain_runs(functions, self._graph.shape, embedded.expand(2, -1, -1, -1)).stream[-1][
            0
        ]

    def direct_path(self) -> tuple[Guard, ...]:
        """`input -> logits`, and the proof that a plan without its copies would be noticed."""
        steps = [Steps((StepPattern(frozenset([node])),)) for node in (0, self._graph.logits)]
        plan = compile_plan([(Route(tuple(steps), (None,)),)], Alphabet(self._graph))
        worlds = lay_out(plan)
        expected = self._direct_logits()
        if expected is None:
            return ()
        found = self._run(plan, worlds)
        broken = dataclasses.replace(worlds, inputs=((BASE,),) * worlds.count)
        wrong = self._run(plan, broken)
        unit = worlds.outputs[0][0]
        held = within("direct path = direct effect", found.logits[unit], expected, self._tolerance)
        missed = within("a broken plan is caught", wrong.logits[unit], expected, self._tolerance)
        return held, dataclasses.replace(missed, passed=not missed.passed)

    def _direct_logits(self) -> torch.Tensor | None:
        """Logits of (clean final stream + change of the embedding); None where the parts of the
        model are unknown."""
        try:
            functions = unembedding(self._model)
        except AttributeError:
            return None
        streams: list[torch.Tensor] = []

        def keep(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            streams.append(values)
            return values

        last = f"blocks.{self._graph.shape.n_layers - 1}.hook_resid_post"
        self._model.forward(self._prompts.base, [(last, keep)])
        change = self._embedding_change()
        return functions.logits(functions.norm(streams[0] + change))

    def _embedding_change(self) -> torch.Tensor:
        base = embed(self._model, self._prompts.base, [])
        patched = embed(self._model, self._prompts.patched, [])
        noise = self._prompts.patched_noise
        if noise is None:
            return patched - base
        return noise

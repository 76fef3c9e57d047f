"""Which executor runs a task, and why.

`auto` takes `delta` where the model passes its proof, else `hooks`. An executor that a config
forces and that cannot do the task is an error that says why: it is never quietly replaced.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from pathpatch_runner.config import Backend
from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.delta.proof import Proof, prove
from pathpatch_runner.execute.guards import Guard
from pathpatch_runner.execute.hooks.by_distance import why_not_by_distance
from pathpatch_runner.execute.task import Task
from pathpatch_runner.plan.plan import Plan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BackendDecision:
    """`backend`: hooks or delta; `proof`: of delta, where it was asked for."""

    backend: Backend
    reason: str
    proof: Proof | None = None

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The checks made to decide."""
        return () if self.proof is None else self.proof.guards


def decide_backend(
    wanted: Backend, task: Task, plan: Plan, kept: Proof | None = None
) -> BackendDecision:
    """The executor of a task. `kept`: a proof of its model made before.

    Raises ExecutionError where the wanted executor, or none, can do the task.
    """
    why_not_hooks = why_not_by_distance(task.model, plan)
    if wanted is Backend.hooks and why_not_hooks is None:
        return BackendDecision(Backend.hooks, "runtime.backend=hooks")
    proof = kept or prove(task)
    if wanted is Backend.hooks:
        raise ExecutionError(
            f"runtime.backend: hooks cannot run this: {why_not_hooks}. {_other(proof)}"
        )
    if proof.failure is None:
        reason = "all checks of delta passed on this model"
        return BackendDecision(Backend.delta, reason, proof)
    if why_not_hooks is not None:
        raise ExecutionError(
            f"neither executor can run this. hooks: {why_not_hooks}. delta: {proof.failure}. Leave "
            "the distances (~) out of the expressions, or use another model"
        )
    if wanted is Backend.delta:
        raise ExecutionError(
            f"runtime.backend: delta cannot be used with this model: {proof.failure}. Use "
            "runtime.backend=auto or hooks"
        )
    log.warning("backend hooks, not delta: %s", proof.failure)
    return BackendDecision(Backend.hooks, proof.failure, proof)


def _other(proof: Proof) -> str:
    """What can be had instead of hooks."""
    if proof.failure is None:
        return "delta can: use runtime.backend=auto or delta"
    return (
        f"delta cannot be used either: {proof.failure}. Leave the distances (~) out of the "
        "expressions, or use another model"
    )

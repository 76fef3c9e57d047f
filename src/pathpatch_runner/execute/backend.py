"""Which executor runs a task, and why."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from pathpatch_runner.config import Backend
from pathpatch_runner.execute.delta.proof import prove
from pathpatch_runner.execute.guards import Guard
from pathpatch_runner.execute.task import Task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """`backend`: hooks or delta; `guards`: the checks made to choose."""

    backend: Backend
    reason: str
    guards: tuple[Guard, ...]


def choose_backend(wanted: Backend, task: Task) -> Choice:
    """`delta` where the model passes its checks, unless `hooks` is asked for."""
    if wanted is Backend.hooks:
        return Choice(Backend.hooks, "runtime.backend=hooks", ())
    guards, failure = prove(task)
    if failure is None:
        return Choice(Backend.delta, "all checks of delta passed on this model", guards)
    log.warning("backend hooks, not delta: %s", failure)
    return Choice(Backend.hooks, failure, guards)

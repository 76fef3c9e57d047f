"""What a run says of itself: its log and its manifest."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from pathpatch_runner.execute.task import Measured
from pathpatch_runner.inputs import Inputs
from pathpatch_runner.runner.checked import Checked, device_name
from pathpatch_runner.runner.planned import Planned
from pathpatch_runner.runner.request import Request
from pathpatch_runner.store import (
    BackendRecord,
    Counts,
    GuardRecord,
    KnownRecord,
    Manifest,
    Provenance,
    git_state,
    package_versions,
    platform_name,
    utc_now,
)
from pathpatch_runner.store.atomic import explained

log = logging.getLogger("pathpatch_runner")
MOST_LEFT_OUT = 1000
"""Pairs left out of the dataset that the manifest lists."""


@dataclass(frozen=True)
class Done:
    """What a run did, before it is written down."""

    inputs: Inputs
    planned: Planned
    checked: Checked
    measured: Measured
    known: KnownRecord | None = None


def manifest_of(request: Request, done: Done, seconds: Mapping[str, float]) -> Manifest:
    """The manifest of a run whose tables are written. `seconds`: by stage."""
    inputs, decision = done.inputs, done.checked.decision
    guards = (*done.checked.guards, *decision.guards)
    return Manifest(
        run_key=inputs.run_key,
        experiment=request.config.experiment,
        provenance=_provenance(request, done),
        guards=tuple(GuardRecord(**vars(guard)) for guard in guards),
        backend=BackendRecord(decision.backend.value, decision.reason),
        counts=Counts(
            units=len(inputs.hypotheses.units),
            bindings_left_out=inputs.hypotheses.bindings_left_out,
            mixed_evaluations=done.planned.plan.mixed_evaluations,
            forward_passes=done.measured.passes,
            pairs=len(inputs.pairs.pairs),
            points=done.measured.clean.shape[1],
            pairs_left_out=len(inputs.pairs.left_out),
        ),
        timings=dict(seconds),
        left_out=inputs.pairs.left_out[:MOST_LEFT_OUT],
        proof=done.checked.proof,
        known=done.known,
    )


def _provenance(request: Request, done: Done) -> Provenance:
    config, model = request.config, done.checked.task.model
    return Provenance(
        command=request.command,
        config={
            **done.inputs.identity,
            "description": config.description,
            "runtime": vars(config.runtime),
            "shape": vars(done.inputs.shape),
        },
        digests=done.inputs.digests,
        git=git_state(),
        versions=package_versions(),
        platform=platform_name(),
        device=str(model.device),
        device_name=device_name(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        started=request.started,
        finished=utc_now(),
    )


class _RunLog(logging.FileHandler):
    """A log that cannot be written to, as on a full disk, hides nothing else that went wrong."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Everything this package logs goes to the run's own log, warnings to the terminal too."""
    with explained(path):
        handler = _RunLog(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING)
    level, propagate = log.level, log.propagate
    log.setLevel(logging.INFO)
    log.propagate = False
    for each in (handler, terminal):
        log.addHandler(each)
    try:
        yield
    except Exception as error:
        log.info("the run failed: %s", error, exc_info=True)
        raise
    finally:
        for each in (handler, terminal):
            log.removeHandler(each)
        handler.close()
        log.setLevel(level)
        log.propagate = propagate

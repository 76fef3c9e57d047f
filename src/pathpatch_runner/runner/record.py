"""What a run says of itself: its log, its timings, its manifest."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.execute.backend import BackendDecision
from pathpatch_runner.execute.guards import Guard
from pathpatch_runner.execute.task import Measured, Task
from pathpatch_runner.inputs import Inputs
from pathpatch_runner.runner.planned import Planned
from pathpatch_runner.store import (
    BackendRecord,
    Counts,
    GuardRecord,
    Manifest,
    Provenance,
    git_state,
    package_versions,
    platform_name,
    utc_now,
)

log = logging.getLogger("pathpatch_runner")
MOST_LEFT_OUT = 1000
"""Pairs left out of the dataset that the manifest lists."""


@dataclass
class Timings:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; a stage entered twice adds up."""
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


def manifest_of(
    config: ExperimentConfig,
    inputs: Inputs,
    planned: Planned,
    task: Task,
    decision: BackendDecision,
    guards: tuple[Guard, ...],
    measured: Measured,
    timings: Timings,
    command: tuple[str, ...],
    started: str,
) -> Manifest:
    """The manifest of a run whose tables are written."""
    device = task.model.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform_name()
    provenance = Provenance(
        command=command,
        config={
            **inputs.identity,
            "description": config.description,
            "runtime": vars(config.runtime),
            "shape": vars(inputs.shape),
        },
        digests=inputs.digests,
        git=git_state(),
        versions=package_versions(),
        platform=platform_name(),
        device=str(device),
        device_name=name,
        dtype=str(task.model.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        started=started,
        finished=utc_now(),
    )
    return Manifest(
        run_key=inputs.run_key,
        experiment=config.experiment,
        provenance=provenance,
        guards=tuple(GuardRecord(**vars(guard)) for guard in guards),
        backend=BackendRecord(decision.backend.value, decision.reason),
        counts=Counts(
            units=len(inputs.hypotheses.units),
            bindings_left_out=inputs.hypotheses.bindings_left_out,
            mixed_evaluations=planned.plan.mixed_evaluations,
            forward_passes=measured.passes,
            pairs=len(inputs.pairs.pairs),
            points=measured.clean.shape[1],
            pairs_left_out=len(inputs.pairs.left_out),
        ),
        timings=dict(timings.seconds),
        left_out=inputs.pairs.left_out[:MOST_LEFT_OUT],
    )


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Everything this package logs goes to the run's own log, warnings to the terminal too."""
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
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

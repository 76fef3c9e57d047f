"""Load a model and check it: its hooks, the guards of the run's own data, which executor.

What does not depend on the data is taken from where it is kept, if it is (`execute.proofs`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.execute.backend import BackendDecision, decide_backend
from pathpatch_runner.execute.delta.proof import proof_length
from pathpatch_runner.execute.guards import Guard, check_guards
from pathpatch_runner.execute.memory import budget_of
from pathpatch_runner.execute.proofs import Kept, Proofs
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.execute.task import Task
from pathpatch_runner.inputs import Inputs
from pathpatch_runner.model.load import LoadedModel, device_of
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.runner.planned import Planned
from pathpatch_runner.store import (
    ProofRecord,
    code_digest,
    package_versions,
    platform_name,
    utc_now,
)
from pathpatch_runner.store.atomic import sweep, write_text
from pathpatch_runner.store.lock import locked

VERSIONS = ("torch", "transformers", "transformer-lens")


@dataclass(frozen=True)
class Checked:
    """A task that may be run: its guards held, and an executor can do it. `proof`: where what was
    found out about the model is kept, if anywhere."""

    task: Task
    guards: tuple[Guard, ...]
    decision: BackendDecision
    proof: ProofRecord | None


def proofs_of(
    config: ExperimentConfig, inputs: Inputs, source: ModelSource, *, nowhere: bool
) -> Proofs:
    """The file for this model, on this device, at the length of these prompts. `nowhere`: for a
    run that writes nothing."""
    longest = proof_length(inputs.pairs.pairs, inputs.shape)
    return _kept(config, {**_about(config, source), "longest_prompt": longest}, nowhere=nowhere)


def probe_of(config: ExperimentConfig, source: ModelSource, *, nowhere: bool) -> Proofs:
    """The file for the probe alone of a model whose shape only loading tells: it is loaded before
    the length of any prompt is known, and what a probe sees does not depend on that."""
    return _kept(config, _about(config, source), nowhere=nowhere)


def _kept(config: ExperimentConfig, about: Mapping[str, Any], *, nowhere: bool) -> Proofs:
    root = None if nowhere else Path(config.runtime.output_root)
    return Proofs(root, about, _write_alone, config.runtime.prove_again)


def _write_alone(path: Path, text: str) -> None:
    """Into a folder of all runs: one writes at a time, and sweeps what killed ones left."""
    with locked(path.parent, patience=5.0):
        sweep(path.parent)
        write_text(path, text)


def _about(config: ExperimentConfig, source: ModelSource) -> Mapping[str, Any]:
    return {
        "model": source.digest,
        "seed": config.seed if source.drawn else None,
        "dtype": config.model.dtype.value,
        "tf32": config.model.tf32,
        "weight_processing": config.model.weight_processing.value,
        **machine(config),
        "code": code_digest(),
    }


def machine(config: ExperimentConfig) -> dict[str, Any]:
    """What computes: the device, and the packages whose versions can change a number."""
    device, versions = device_of(config.runtime.device), package_versions()
    return {
        "device": device.type,
        "device_name": device_name(device),
        "versions": {name: versions.get(name, "") for name in VERSIONS},
    }


def device_name(device: torch.device) -> str:
    """The card's name, or the processor's architecture."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform_name()


def check(
    config: ExperimentConfig, inputs: Inputs, planned: Planned, model: LoadedModel, proofs: Proofs
) -> Checked:
    """Guards, then the executor. Raises GuardError or ExecutionError where nothing may be run."""
    kept = proofs.read()
    with model.counting("source"):
        source = source_named(config.patch.source)(config.patch, config.seed)
        # Of all pairs: a shard of them has the means and the noise that the whole has.
        corruption = source.on(model, inputs.all_pairs)
    task = Task(
        model=model,
        pairs=inputs.pairs,
        classes=planned.classes,
        metrics=inputs.metrics,
        source=corruption,
        budget=budget_of(config.runtime.memory_gb, model.device),
    )
    guards = check_guards(task)
    known = None if kept is None else kept.proof
    decision = decide_backend(config.runtime.backend, task, planned.plan, known)
    if kept is None or decision.proof not in (None, known):
        kept = Kept(utc_now(), model.probed, decision.proof)
        proofs.keep(kept)
    record = None if proofs.root is None else ProofRecord(proofs.file, kept.date)
    return Checked(task, guards, decision, record)

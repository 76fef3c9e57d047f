"""Hydra's launchers as their plug-ins declare them, for tests that need only their fields.

Copied from hydra-joblib-launcher 1.2.0, hydra-submitit-launcher 1.2.0 and hydra-ray-launcher 1.2.2:
names and types of the fields that a preset may set. Where a plug-in is installed, its own is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins


@dataclass
class Joblib:
    _target_: str = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
    n_jobs: int = -1
    backend: str | None = None
    prefer: str = "processes"
    verbose: int = 0
    pre_dispatch: str = "2*n_jobs"


@dataclass
class Slurm:
    _target_: str = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"
    submitit_folder: str = "${hydra.sweep.dir}/.submitit/%j"
    timeout_min: int = 60
    cpus_per_task: int | None = None
    gpus_per_node: int | None = None
    tasks_per_node: int = 1
    mem_gb: int | None = None
    nodes: int = 1
    name: str = "${hydra.job.name}"
    partition: str | None = None
    account: str | None = None
    additional_parameters: dict[str, Any] = field(default_factory=dict)
    array_parallelism: int = 256
    setup: list[str] | None = None


@dataclass
class OfRay:
    init: dict[str, Any] = field(default_factory=lambda: {"address": None})
    remote: dict[str, Any] = field(default_factory=dict)


@dataclass
class Ray:
    _target_: str = "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher"
    ray: OfRay = field(default_factory=OfRay)


DECLARED = {"joblib": Joblib, "submitit_slurm": Slurm, "ray": Ray}


def installed() -> set[str]:
    """The launchers whose plug-ins are here."""
    Plugins.instance()
    there = ConfigStore.instance().repo["hydra"]["launcher"]
    return {name.removesuffix(".yaml") for name in there}


@contextmanager
def declared() -> Iterator[None]:
    """Every launcher can be chosen; none can be used."""
    there = installed()
    lacking = {name: each for name, each in DECLARED.items() if name not in there}
    store = ConfigStore.instance()
    for name, each in lacking.items():
        store.store(group="hydra/launcher", name=name, node=each)
    try:
        yield
    finally:
        for name in lacking:
            del store.repo["hydra"]["launcher"][f"{name}.yaml"]

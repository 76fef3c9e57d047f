"""The typed config, registered with Hydra: every kind of model and dataset, built in or added by an
installed package, is a group option of its name with nothing but defaults.

A file that gives a kind values of its own begins with its schema:

    defaults: [/schema/dataset/jsonl@_here_]
    path: pairs.jsonl
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.errors import ConfigError
from pathpatch_runner.registry import DATASETS, MODELS, Registry

GROUPS: Mapping[str, Registry] = {"model": MODELS, "dataset": DATASETS}
"""Config group -> the registry of its kinds."""


@cache
def schemas(group: str) -> dict[str, type[Any]]:
    """Kind -> config dataclass, for every kind of a group that can be imported.

    One that cannot is left out: choosing it then says why (`registry.get`), and nothing else
    suffers from it.
    """
    found: dict[str, type[Any]] = {}
    for kind in GROUPS[group].names():
        try:
            found[kind] = GROUPS[group].get(kind, group).Config
        except (ConfigError, AttributeError):
            continue
    return found


def register_schemas() -> None:
    """Make the schemas known to Hydra: as group options, and under `schema/` for files."""
    store = ConfigStore.instance()
    store.store(name="experiment_schema", node=ExperimentConfig)
    for group in GROUPS:
        for kind, schema in schemas(group).items():
            store.store(group=group, name=kind, node=schema)
            store.store(group=f"schema/{group}", name=kind, node=schema)
    # The folder of a sweep: that of the sweep itself, whatever a job of it says. Hydra gives cached
    # values of the sweep to its jobs.
    OmegaConf.register_new_resolver("once", lambda value: value, use_cache=True, replace=True)
    # A user's file of a kind's name is checked against that kind, and that is as it should be.
    warnings.filterwarnings(
        "ignore", message=r"(?s).*is validated against ConfigStore schema", category=UserWarning
    )

"""The typed config, registered with Hydra: every group file starts from its schema."""

from __future__ import annotations

from hydra.core.config_store import ConfigStore

from pathpatch_runner.config import (
    ExperimentConfig,
    GgufModelConfig,
    HubModelConfig,
    LocalModelConfig,
    NativeModelConfig,
    RandomModelConfig,
)
from pathpatch_runner.registry import DATASETS

SCHEMAS = {
    "model": {
        "native": NativeModelConfig,
        "local": LocalModelConfig,
        "hub": HubModelConfig,
        "gguf": GgufModelConfig,
        "random": RandomModelConfig,
    },
    "dataset": {name: DATASETS.get(name, "dataset.kind").Config for name in DATASETS.names()},
}
"""Group -> kind -> schema. A group file of another name begins with `/schema/<group>/<kind>`."""


def register_schemas() -> None:
    """Make the schemas known to Hydra, under `schema/`."""
    store = ConfigStore.instance()
    store.store(name="experiment_schema", node=ExperimentConfig)
    for group, kinds in SCHEMAS.items():
        for kind, schema in kinds.items():
            store.store(group=f"schema/{group}", name=kind, node=schema)

"""Every experiment that ships composes, and its typed config is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from pathpatch_runner.cli.schema import SCHEMAS, register_schemas
from pathpatch_runner.config import ExperimentConfig

CONF = Path(__file__).parents[2] / "conf"
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
DATASETS = sorted(path.stem for path in (CONF / "dataset").glob("*.yaml"))


def composed(*overrides: str) -> ExperimentConfig:
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_object(compose("config", overrides=list(overrides)))
    assert isinstance(config, ExperimentConfig)
    return config


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_composes(name: str) -> None:
    config = composed(f"experiment={name}")
    assert config.experiment == name
    assert config.hypotheses
    assert config.model.kind in SCHEMAS["model"]


@pytest.mark.parametrize("name", MODELS)
def test_every_model_composes(name: str) -> None:
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", overrides=[f"model={name}"])
    assert config.model.kind in SCHEMAS["model"]


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_composes(name: str) -> None:
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", overrides=[f"dataset={name}"])
    assert config.dataset.kind in SCHEMAS["dataset"]


def test_the_root_names_no_hypotheses() -> None:
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert compose("config").hypotheses == {}

"""The config of a model alone, by the name of its file: for `explain`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pathpatch_runner.cli.command import config_path
from pathpatch_runner.cli.messages import explain
from pathpatch_runner.cli.places import PATH_KEYS, resolve_place
from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.config import ModelConfig
from pathpatch_runner.errors import ConfigError


def model_config(name: str, overrides: Sequence[str] = ()) -> ModelConfig:
    """`name`: of a file in conf/model; `overrides`: of its fields, as on the command line. Raises
    ConfigError for what is not there."""
    register_schemas()
    folder = config_path()
    GlobalHydra.instance().clear()
    opened = (
        initialize_config_module(folder.removeprefix("pkg://"), version_base="1.3")
        if folder.startswith("pkg://")
        else initialize_config_dir(folder, version_base="1.3")
    )
    try:
        with opened:
            composed = compose("config", overrides=[f"model={name}", *overrides])
            for key in PATH_KEYS:
                value = OmegaConf.select(composed, key, throw_on_missing=False)
                if key.startswith("model.") and isinstance(value, str) and value:
                    place = resolve_place(key, value, {"model": name}, overrides, [Path(folder)])
                    OmegaConf.update(composed, key, place)
            model = OmegaConf.to_object(composed.model)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error)) from None
    assert isinstance(model, ModelConfig)
    return model

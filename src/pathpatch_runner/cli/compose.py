"""`compose`: the config that the command line would run, without running it.

    config = compose("ioi", "dataset.n_pairs=16")
    config = compose("my", config_dir="mine")

Hydra's state is left as it was found, so that it can be called in a notebook, twice in a row, and
inside another Hydra program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.utils import create_config_search_path
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from pathpatch_runner.cli.messages import check_override, explain
from pathpatch_runner.cli.origins import Origins
from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.cli.search import config_path, users_first
from pathpatch_runner.cli.sections import SectionLoader
from pathpatch_runner.cli.typed import typed_config
from pathpatch_runner.cli.yaml_files import read_by_us
from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.errors import ConfigError

VERSION_BASE = "1.3"
ROOT = "config"
"""The name of the root config."""


def compose(
    experiment: str | None = None,
    *overrides: str,
    config_dir: str | Path | Sequence[str | Path] | None = None,
) -> ExperimentConfig:
    """What `python run.py --config-dir CONFIG_DIR experiment=EXPERIMENT OVERRIDES...` would run.

    `experiment`: the name of a file in `experiment/`, of ours or of `config_dir` (a folder or
    several, searched before ours); None where the overrides say all. Relative paths mean what they
    mean there: relative to the file that says them, else to the working directory.

    Raises ConfigError, or `Problems` with several, with the messages of the command line.
    """
    given = [] if experiment is None else [f"experiment={experiment}"]
    folders = [config_dir] if isinstance(config_dir, str | Path) else list(config_dir or ())
    for override in overrides:
        if wrong := check_override(override):
            raise ConfigError(wrong)
    register_schemas()
    with _hydra_as_found(), users_first(folders), read_by_us():
        try:
            loader = SectionLoader(create_config_search_path(config_path()))
            composed = loader.load_configuration(
                ROOT, [*given, *overrides], RunMode.RUN, from_shell=False
            )
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError(explain(error)) from error
        return typed_of(composed)


def typed_of(composed: DictConfig) -> ExperimentConfig:
    """The typed config of a composed one that has Hydra's own section."""
    HydraConfig.instance().set_config(composed)
    origins = Origins.of(composed.hydra)
    with open_dict(composed):
        del composed["hydra"]
    return typed_config(composed, origins)


@contextmanager
def _hydra_as_found() -> Iterator[None]:
    """Hydra's version and current config as they are, again, at the end."""
    base: Any = version.getbase()
    current = HydraConfig.instance().cfg
    version.setbase(VERSION_BASE)
    setup_globals()
    try:
        yield
    finally:
        version.VersionBase.instance().version_base = base
        HydraConfig.instance().cfg = current

"""The config of a single run, composed once, is the one that Hydra composes a second time."""

from __future__ import annotations

from typing import Any

import pytest
from hydra import version
from hydra._internal.utils import create_config_search_path
from hydra.core.utils import setup_globals
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pathpatch_runner.cli.compose import ROOT, VERSION_BASE
from pathpatch_runner.cli.once import ADDED, OnceLoader
from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.cli.search import config_path
from pathpatch_runner.cli.sections import SectionLoader


@pytest.fixture(autouse=True)
def as_the_command_line() -> None:
    register_schemas()
    version.setbase(VERSION_BASE)
    setup_globals()


def loader(kind: type[SectionLoader]) -> SectionLoader:
    return kind(create_config_search_path(config_path()))


def composed(loads: SectionLoader, overrides: list[str], mode: RunMode, **more: Any) -> DictConfig:
    return loads.load_configuration(ROOT, overrides, mode, **more)


def for_its_mode(loads: SectionLoader, overrides: list[str]) -> DictConfig:
    """As Hydra does first of all."""
    return composed(loads, overrides, RunMode.MULTIRUN, validate_sweep_overrides=False)


@pytest.mark.parametrize(
    "overrides",
    [
        ["experiment=micro"],
        ["experiment=induction", "seed=3", "runtime.threads=1"],
        ["experiment=ioi", "hydra.job.chdir=true", "search.at_most=2"],
        ["experiment=induction_circuit", "metrics=[loss]", "+contrasts={a: direct_v - direct_q}"],
    ],
)
def test_the_kept_config_is_the_one_composed_again(overrides: list[str]) -> None:
    once = loader(OnceLoader)
    first = for_its_mode(once, overrides)
    kept = composed(once, [*overrides, ADDED], RunMode.RUN)
    assert kept is first
    again = composed(loader(SectionLoader), [*overrides, ADDED], RunMode.RUN)
    assert OmegaConf.to_yaml(kept) == OmegaConf.to_yaml(again)
    assert kept.hydra.overrides.hydra == again.hydra.overrides.hydra
    assert OmegaConf.is_struct(kept) == OmegaConf.is_struct(again)


def test_it_is_kept_for_the_next_composition_only() -> None:
    once = loader(OnceLoader)
    first = for_its_mode(once, ["experiment=micro"])
    other = composed(once, ["experiment=micro", "seed=1", ADDED], RunMode.RUN)
    assert other is not first
    assert other.seed == 1
    assert composed(once, ["experiment=micro", ADDED], RunMode.RUN) is not first


def test_several_values_are_still_refused_for_one_run() -> None:
    once = loader(OnceLoader)
    for_its_mode(once, ["experiment=micro", "seed=1,2"])
    with pytest.raises(ConfigCompositionException):
        composed(once, ["experiment=micro", "seed=1,2", ADDED], RunMode.RUN)


def test_a_mode_that_the_config_says_is_composed_again() -> None:
    once = loader(OnceLoader)
    said = ["experiment=micro", "hydra.mode=RUN"]
    first = for_its_mode(once, said)
    assert first.hydra.mode is RunMode.RUN
    assert composed(once, said, RunMode.RUN) is not first

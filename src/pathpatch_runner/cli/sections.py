"""Sections that a config need not have, begun by the command line.

`search` is null where an experiment has none, and OmegaConf cannot set a key of null:
`search.at_most=2` ends in an assertion, and `search={}` does nothing without a word. Here a section
that is null begins with its defaults when a key of it, or a dict, is set. An experiment that has a
search keeps what it says; `search=null` still leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra._internal import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from pathpatch_runner.config import SearchConfig

SECTIONS: dict[str, Any] = {"search": SearchConfig}


class SectionLoader(ConfigLoaderImpl):
    """Hydra's own loader but for such sections. An instance of it goes to the processes of a
    sweep's jobs, which compose their configs with it."""

    def load_configuration(self, *said: Any, **named: Any) -> DictConfig:
        """As Hydra's; a job of a sweep comes here too."""
        with _begun():
            return super().load_configuration(*said, **named)


@contextmanager
def sections_begun(loader: type[SectionLoader] = SectionLoader) -> Iterator[None]:
    """While `hydra.main` runs, its loader is ours."""
    names = vars(hydra)
    before = names["ConfigLoaderImpl"]
    names["ConfigLoaderImpl"] = loader
    try:
        yield
    finally:
        names["ConfigLoaderImpl"] = before


@contextmanager
def _begun() -> Iterator[None]:
    """While Hydra sets what overrides say. Hydra calls the function that does so by the name of its
    own class, so that no subclass could have another."""
    names: Any = ConfigLoaderImpl
    apply = names._apply_overrides_to_config

    def one_by_one(overrides: list[Override], cfg: DictConfig) -> None:
        for override in overrides:
            _begin(override, cfg)
            apply([override], cfg)

    names._apply_overrides_to_config = staticmethod(one_by_one)
    try:
        yield
    finally:
        names._apply_overrides_to_config = staticmethod(apply)


def _begin(override: Override, cfg: DictConfig) -> None:
    section, _, key = override.key_or_group.partition(".")
    if section not in SECTIONS or override.is_delete() or override.is_sweep_override():
        return
    if cfg.get(section) is None and (key or isinstance(override.value(), dict)):
        cfg[section] = SECTIONS[section]()

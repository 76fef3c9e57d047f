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
from hydra.types import RunMode
from omegaconf import DictConfig

from pathpatch_runner.config import SearchConfig

SECTIONS: dict[str, Any] = {"search": SearchConfig}


class SectionLoader(ConfigLoaderImpl):
    """Hydra's own loader but for such sections. An instance of it goes to the processes of a
    sweep's jobs, which compose their configs with it."""

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """As Hydra's; a job of a sweep comes here too."""
        with _begun():
            return super().load_configuration(
                config_name, overrides, run_mode, from_shell, validate_sweep_overrides
            )


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
    """While Hydra sets what overrides say."""
    apply = ConfigLoaderImpl._apply_overrides_to_config

    def one_by_one(overrides: list[Override], cfg: DictConfig) -> None:
        for override in overrides:
            _begin(override, cfg)
            apply([override], cfg)

    ConfigLoaderImpl._apply_overrides_to_config = staticmethod(one_by_one)  # type: ignore[method-assign]
    try:
        yield
    finally:
        ConfigLoaderImpl._apply_overrides_to_config = staticmethod(apply)  # type: ignore[method-assign]


def _begin(override: Override, cfg: DictConfig) -> None:
    section, _, key = override.key_or_group.partition(".")
    if section not in SECTIONS or override.is_delete() or override.is_sweep_override():
        return
    if cfg.get(section) is None and (key or isinstance(override.value(), dict)):
        cfg[section] = SECTIONS[section]()

"""A single run composed once.

Hydra composes the config of every command twice: first as that of a sweep, only to read
`hydra.mode` in it, then as it will be run. For a single run the two are equal but for what is added
in between, `hydra.mode=RUN`, so the first is kept and that is set in it. Anything else is composed
again: values that only a sweep may have, groups that are not chosen, a mode that the config says.
"""

from __future__ import annotations

from dataclasses import dataclass

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

from pathpatch_runner.cli.sections import SectionLoader

ADDED = "hydra.mode=RUN"
"""What Hydra adds to the overrides of a command that says nothing of its mode."""


@dataclass(frozen=True)
class _Kept:
    config_name: str | None
    overrides: tuple[str, ...]
    config: DictConfig


class OnceLoader(SectionLoader):
    """The loader of one command. Keeps a config from one composition to the next, no longer: an
    instance goes to the processes of a sweep's jobs."""

    _kept: _Kept | None = None

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """As Hydra's."""
        kept, self._kept = self._kept, None
        if kept is not None and run_mode is RunMode.RUN and from_shell:
            asked = _Kept(config_name, tuple(overrides), kept.config)
            if _is_single(asked, kept):
                return _as_run(kept.config)
        config = super().load_configuration(
            config_name, overrides, run_mode, from_shell, validate_sweep_overrides
        )
        if run_mode is RunMode.MULTIRUN and not validate_sweep_overrides:
            self._kept = _Kept(config_name, tuple(overrides), config)
        return config


def _is_single(asked: _Kept, kept: _Kept) -> bool:
    """Whether what is asked is the kept config, to be run once."""
    if asked.config_name != kept.config_name or asked.overrides != (*kept.overrides, ADDED):
        return False
    hydra = kept.config.hydra
    if hydra.mode is not None or "???" in hydra.runtime.choices.values():
        return False
    parsed = OverridesParser.create().parse_overrides(overrides=list(kept.overrides))
    return not any(override.is_sweep_override() for override in parsed)


def _as_run(config: DictConfig) -> DictConfig:
    config.hydra.mode = RunMode.RUN
    config.hydra.overrides.hydra.append(ADDED)
    return config

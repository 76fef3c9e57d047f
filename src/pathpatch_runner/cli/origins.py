"""Which file said what: the composed config, taken apart along Hydra's own defaults list.

Hydra knows, for every part of a composed config, its source, its path there and its place in the
whole (its package). Parts are merged in order, so the file that says a key is the last part that
holds it; what the command line says comes after all of them. Nothing here searches for files.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pathpatch_runner.cli.search import OURS
from pathpatch_runner.errors import ConfigError

BY_HYDRA = ("hydra", "schema")
"""Providers of parts that no user writes."""


@dataclass(frozen=True)
class Part:
    """One file's share of the config. `package`: where it goes, "" for the whole; `file` None:
    not a file (a schema)."""

    config_path: str
    package: str
    file: Path | None
    said: Any

    def says(self, key: Sequence[str]) -> bool:
        """Whether the file gives the key a value."""
        package = self.package.split(".") if self.package else []
        if list(key[: len(package)]) != package:
            return False
        return _holds(self.said, key[len(package) :])


def _holds(data: Any, key: Sequence[str]) -> bool:
    for part in key:
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return bool(data != "???")


@dataclass(frozen=True)
class Origins:
    """Where the values of one composed config come from. `here`: where the command was given."""

    here: Path
    config_name: str
    overrides: tuple[str, ...]
    search_path: ConfigSearchPath

    @classmethod
    def of(cls, hydra: Any) -> Origins:
        """From the `hydra` section that Hydra fills in when it composes."""
        path = ConfigSearchPathImpl()
        for source in hydra.runtime.config_sources:
            path.append(source.provider, f"{source.schema}://{source.path}")
        # As typed: an interpolation in one is not for this list to resolve.
        said: Any = OmegaConf.to_container(hydra.overrides, resolve=False)
        overrides = (*said["hydra"], *said["task"])
        return cls(Path(hydra.runtime.cwd), str(hydra.job.config_name), overrides, path)

    def folder(self, key: str) -> Path | None:
        """The folder of the file that says `key`; None where the command line or no file does."""
        parts = key.split(".")
        if any(_override_says(override, parts) for override in self._composed[1]):
            return None
        for part in reversed(self._composed[0]):
            if part.says(parts):
                return None if part.file is None else part.file.parent
        return None

    def root(self) -> Path | None:
        """The file of the root config."""
        return next(
            (part.file for part in self._composed[0] if part.config_path == self.config_name), None
        )

    def shadowed(self) -> list[ConfigError]:
        """Files of ours that were used although a folder searched later has one of that name."""
        return [
            ConfigError(
                f'"{part.config_path}" is in two places: "{part.file}", which ships, and '
                f'"{other}". Give yours another name, or its folder as --config-dir, which is '
                "searched first"
            )
            for part in self._composed[0]
            if (other := self._passed_over(part)) is not None
        ]

    @cached_property
    def _loader(self) -> ConfigLoaderImpl:
        return ConfigLoaderImpl(self.search_path)

    @cached_property
    def _composed(self) -> tuple[list[Part], list[Override]]:
        """The parts in the order they were merged, and the values the command line gives."""
        defaults = self._loader.compute_defaults_list(
            self.config_name, list(self.overrides), RunMode.RUN
        )
        return [self._part(each) for each in defaults.defaults], defaults.config_overrides

    def _part(self, default: ResultDefault) -> Part:
        assert default.config_path is not None
        source = self._sources_of(default.config_path)[0]
        if source.provider in BY_HYDRA:
            return Part(default.config_path, default.package or "", None, None)
        loaded = self._loader.repository.load_config(default.config_path)
        assert loaded is not None
        package = loaded.header["package"] if default.package is None else default.package
        said = loaded.config
        return Part(
            default.config_path,
            package or "",
            _file(source, default.config_path),
            OmegaConf.to_container(said) if isinstance(said, DictConfig) else None,
        )

    def _sources_of(self, config_path: str) -> list[ConfigSource]:
        return [s for s in self._loader.get_sources() if s.is_config(config_path)]

    def _passed_over(self, part: Part) -> Path | None:
        sources = self._sources_of(part.config_path)
        if sources[0].provider != OURS or part.file is None:
            return None
        files = [_file(s, part.config_path) for s in sources[1:] if s.provider not in BY_HYDRA]
        return next((file for file in files if file not in (None, part.file)), None)


def _override_says(override: Override, key: Sequence[str]) -> bool:
    said = override.key_or_group.split(".")
    return list(key[: len(said)]) == said and _holds(override.value(), key[len(said) :])


def _file(source: ConfigSource, config_path: str) -> Path | None:
    """The file of a config in a source of files; None for a schema."""
    name = f"{config_path}.yaml" if not config_path.endswith((".yaml", ".yml")) else config_path
    if source.scheme() == "file":
        return Path(source.path) / name
    spec = importlib.util.find_spec(source.path) if source.scheme() == "pkg" else None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / name

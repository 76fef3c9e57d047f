"""YAML files as Hydra reads them, with what strangers' files need: a byte order mark is skipped,
other encodings, broken YAML and aliases that explode are one message with the file and the line.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from omegaconf import OmegaConf

from pathpatch_runner.errors import ConfigError
from pathpatch_runner.reading import read_text
from pathpatch_runner.reading.refusals import too_deep
from pathpatch_runner.reading.yaml_text import check_bounds


class YamlFiles(FileConfigSource):
    """Hydra's own source of config files but for how a file is read."""

    def load_config(self, config_path: str) -> ConfigResult:
        """The file's config. Raises ConfigError for a file that is not what it should be."""
        file = Path(self.path) / self._normalize_file_name(config_path)
        if not file.exists():
            raise ConfigLoadError(f"Config not found : {file}")
        text = read_text(file, "config", ConfigError)
        try:
            config = copy.deepcopy(_parsed(str(file), text))
        except ConfigError:
            raise
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark else ""
            raise ConfigError(
                f"{file}{line}: not YAML: {error.problem or error.context}"
            ) from error
        except (RecursionError, MemoryError) as error:
            what = too_deep() if isinstance(error, RecursionError) else "does not fit into memory"
            raise ConfigError(f"{file}: {what}") from None
        except (yaml.YAMLError, OSError, ValueError) as error:
            raise ConfigError(f"{file}: not a config: {str(error).splitlines()[0]}") from error
        try:
            header = ConfigSource._get_header_dict(text)
        except ValueError as error:
            raise ConfigError(
                f"{file}: its first lines: {error}. Write: # @package _global_"
            ) from error
        where = f"{self.scheme()}://{self.path}"
        return ConfigResult(config=config, path=where, provider=self.provider, header=header)


@lru_cache(maxsize=256)
def _parsed(file: str, text: str) -> Any:
    """The config of a text. Hydra composes a single run twice, and `origins` reads its parts again:
    a text is parsed once, and copied."""
    check_bounds(text, file, ConfigError)
    return OmegaConf.load(io.StringIO(text))


# Hydra tells sources apart by the names of their classes. In the process of a job (joblib,
# submitit) it registers its own after ours, which came along, and would refuse another name.
YamlFiles.__name__ = FileConfigSource.__name__


@contextmanager
def read_by_us() -> Iterator[None]:
    """While Hydra composes, its files are read as above; afterwards all is as it was."""
    Plugins.instance()  # registers Hydra's own sources first
    types = SourcesRegistry.instance().types
    before = types["file"]
    types["file"] = YamlFiles
    try:
        yield
    finally:
        SourcesRegistry.instance().types["file"] = before

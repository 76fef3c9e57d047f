"""Sections of a config given as dicts: the same keys, the same spellings of values as in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pathpatch_runner.config import (
    RuntimeConfig,
    ScoresConfig,
    SearchConfig,
    StatisticsConfig,
)
from pathpatch_runner.errors import ConfigError, PathPatchError, raise_together, unknown_key

Section = TypeVar("Section")

SECTIONS: Mapping[str, type[Any]] = {
    "runtime": RuntimeConfig,
    "scores": ScoresConfig,
    "search": SearchConfig,
    "statistics": StatisticsConfig,
}
"""Keywords of `patch` that are whole sections."""


def section_of(kind: type[Section], said: Mapping[str, Any], where: str) -> Section:
    """`said` as a config dataclass, every value of its type: "noising" as `Direction.noising`.

    Raises a ConfigError for each key that is unknown and each value that does not fit, together.
    """
    found: Any = OmegaConf.structured(kind)
    problems: list[PathPatchError] = []
    for name, value in said.items():
        if name not in found:
            problems.append(ConfigError(unknown_key(where, str(name), [str(key) for key in found])))
            continue
        try:
            found[name] = value
        except OmegaConfBaseException as error:
            problems.append(ConfigError(f"{where}.{name}: {str(error).splitlines()[0]}"))
    raise_together(problems)
    made = OmegaConf.to_object(found)
    assert isinstance(made, kind)
    return made

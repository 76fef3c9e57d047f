"""From a composed config to the typed one that the runner takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pathpatch_runner.cli.places import PATH_KEYS, resolve_place
from pathpatch_runner.cli.schema import SCHEMAS
from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.errors import (
    ConfigError,
    PathPatchError,
    did_you_mean,
    raise_together,
    unknown_key,
)


def typed_config(
    composed: DictConfig,
    choices: Mapping[str, str | None],
    overrides: Sequence[str],
    folders: Sequence[Path],
) -> ExperimentConfig:
    """Check that nothing is missing and make every path absolute.

    `choices`, `overrides`, `folders`: what Hydra chose, was told, and searched.
    """
    problems: list[PathPatchError] = list(_missing(composed))
    for group in SCHEMAS:
        problems += _wrong_kind(composed, group)
    problems += _unknown_keys(composed, "")
    config = composed.copy()
    OmegaConf.set_readonly(config, False)
    for key in PATH_KEYS:
        value = OmegaConf.select(config, key, throw_on_missing=False)
        if isinstance(value, str) and value:
            try:
                place = resolve_place(key, value, choices, overrides, folders)
                OmegaConf.update(config, key, place)
            except PathPatchError as problem:
                problems.append(problem)
    raise_together(problems)
    typed = OmegaConf.to_object(config)
    assert isinstance(typed, ExperimentConfig)
    return typed


def _missing(composed: DictConfig) -> list[ConfigError]:
    keys = sorted(str(key) for key in OmegaConf.missing_keys(composed))
    if "experiment" in keys:
        return [
            ConfigError(
                "experiment: none chosen. Say experiment=<name>; `--help` lists the experiments"
            )
        ]
    return [ConfigError(f"{key}: needs a value, and none is given") for key in keys]


def _unknown_keys(section: DictConfig, path: str) -> list[ConfigError]:
    """Keys that `+key=value` added to a section whose fields are known. They would do nothing."""
    schema: Any = OmegaConf.get_type(section)
    known = [field.name for field in fields(schema)] if is_dataclass(schema) else None
    problems: list[ConfigError] = []
    for key in section:
        name = str(key)
        if known is not None and name not in known:
            problems.append(ConfigError(unknown_key(f"{path}{name}", name, known)))
            continue
        if OmegaConf.is_missing(section, key):
            continue
        inner = section[name]
        if isinstance(inner, DictConfig):
            problems += _unknown_keys(inner, f"{path}{name}.")
    return problems


def _wrong_kind(composed: DictConfig, group: str) -> list[ConfigError]:
    """`kind` must be that of the schema the section was made from."""
    section: Any = OmegaConf.select(composed, group)
    if section is None:
        return []
    kind = section.get("kind")
    schema = OmegaConf.get_type(section)
    kinds = SCHEMAS[group]
    if kind in kinds and kinds[kind] is schema:
        return []
    made = next((name for name, known in kinds.items() if known is schema), None)
    return [
        ConfigError(
            f'{group}.kind: "{kind}" does not go with the fields of kind "{made}".'
            f"{did_you_mean(str(kind), kinds)} Choose the kind by its group: "
            f"{group}={kind if kind in kinds else '<kind>'}, or `override /{group}: <kind>` in a "
            f"file. Kinds: {', '.join(kinds)}"
        )
    ]

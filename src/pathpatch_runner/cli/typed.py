"""From a composed config to the typed one that the runner takes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pathpatch_runner.cli.bounds import check_interpolations
from pathpatch_runner.cli.locations import located
from pathpatch_runner.cli.messages import explain
from pathpatch_runner.cli.origins import Origins
from pathpatch_runner.cli.schema import GROUPS, schemas
from pathpatch_runner.config import ExperimentConfig, named_files
from pathpatch_runner.errors import (
    ConfigError,
    PathPatchError,
    did_you_mean,
    raise_together,
    unknown_key,
)


def typed_config(composed: DictConfig, origins: Origins) -> ExperimentConfig:
    """Check that nothing is missing or unknown and make every path absolute.

    `composed`: without its `hydra` section. Raises `Problems` with everything found wrong.
    """
    try:
        typed = _checked(composed, origins)
    except OmegaConfBaseException as error:
        raise ConfigError(explain(error)) from error
    problems: list[PathPatchError] = []
    for key, value in named_files(typed):
        try:
            _assign(typed, key, located(key, value, origins))
        except PathPatchError as problem:
            problems.append(problem)
    raise_together(problems)
    if origins.here != Path.cwd():
        # hydra.job.chdir: the run lies where the command was given, as its other paths do.
        typed.runtime.output_root = str(origins.here / typed.runtime.output_root)
    return typed


def _checked(composed: DictConfig, origins: Origins) -> ExperimentConfig:
    """As dataclasses, with nothing missing or unknown; paths are still as said."""
    _check_root(composed, origins)
    check_interpolations(composed)
    problems: list[PathPatchError] = [*_missing(composed), *origins.shadowed()]
    for group in GROUPS:
        problems += _wrong_kind(composed, group)
    problems += _unknown_keys(composed, "")
    raise_together(problems)
    typed = OmegaConf.to_object(composed)
    assert isinstance(typed, ExperimentConfig)
    return typed


def _assign(config: Any, key: str, value: str) -> None:
    """Set the value of a dotted key of dataclasses and mappings."""
    *sections, name = key.split(".")
    for section in sections:
        config = config[section] if isinstance(config, dict) else getattr(config, section)
    if isinstance(config, dict):
        config[name] = value
    else:
        setattr(config, name, value)


def _check_root(composed: DictConfig, origins: Origins) -> None:
    """A root config of a user's own must begin from ours, or nothing in it is known."""
    schema: Any = OmegaConf.get_type(composed)
    if schema is not ExperimentConfig:
        file = origins.root() or f"{origins.config_name}.yaml"
        raise ConfigError(
            f'"{file}" is the root of this config and does not begin with our schema. A root '
            "config says `defaults: [experiment_schema, {model: native}, {dataset: jsonl}, _self_, "
            "{experiment: null}]`; an experiment is a file in the folder experiment/"
        )


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
        if OmegaConf.is_missing(section, key) or OmegaConf.is_interpolation(section, name):
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
    kinds = schemas(group)
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

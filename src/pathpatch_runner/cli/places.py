"""Relative paths in a config, resolved against the file that says them.

A path on the command line, or one that no file says, is relative to the working directory. A
path in a config file is relative to that file; if nothing lies there, to the working directory.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pathpatch_runner.errors import ConfigError

PATH_KEYS = ("model.config", "model.weights", "model.tokenizer", "model.path", "dataset.path")


def said_by(
    key: str, value: str, choices: Mapping[str, str | None], sources: Iterable[Path]
) -> Path | None:
    """The chosen config file that gives `key` its value, if one does."""
    folders = list(sources)
    for group, option in choices.items():
        if option is None or group.startswith("hydra/"):
            continue
        name, _, package = group.partition("@")
        prefix = [] if name == "experiment" else (package or name).split(".")
        for folder in folders:
            file = folder / name / f"{option}.yaml"
            if file.is_file() and _says(file, key.split("."), prefix, value):
                return file
    return None


def _says(file: Path, key: Sequence[str], prefix: Sequence[str], value: str) -> bool:
    """Whether the file holds the value at the key, in itself or a file it builds on."""
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        return False
    inside = list(key)
    if inside[: len(prefix)] == list(prefix):
        found: Any = data
        for part in inside[len(prefix) :]:
            found = found.get(part) if isinstance(found, dict) else None
        if found == value:
            return True
    return any(
        _says(base, key, prefix, value)
        for entry in data.get("defaults", ())
        if isinstance(entry, str) and (base := file.parent / f"{entry}.yaml").is_file()
    )


def source_folders(sources: Iterable[Any]) -> list[Path]:
    """The folders of Hydra's config sources, searched first to last."""
    folders = []
    for source in sources:
        schema, path = source.schema, str(source.path)
        if schema == "file":
            folders.append(Path(path))
        elif schema == "pkg":
            spec = importlib.util.find_spec(path)
            if spec is not None and spec.submodule_search_locations:
                folders.append(Path(spec.submodule_search_locations[0]))
    return folders


def resolve_place(
    key: str,
    value: str,
    choices: Mapping[str, str | None],
    overrides: Iterable[str],
    folders: Sequence[Path],
) -> str:
    """The absolute path that a relative one stands for. Raises ConfigError if nothing is there."""
    path = Path(value).expanduser()
    here = Path.cwd()
    if path.is_absolute():
        return str(path)
    by_hand = any(override.lstrip("+").split("=")[0] == key for override in overrides)
    file = None if by_hand else said_by(key, value, choices, folders)
    tried = [here / path] if file is None else [file.parent / path, here / path]
    for candidate in dict.fromkeys(place.resolve() for place in tried):
        if candidate.exists():
            return str(candidate)
    places = " and ".join(f'"{place.resolve()}"' for place in dict.fromkeys(tried))
    raise ConfigError(f'{key}: "{value}" was not found. Looked at {places}')

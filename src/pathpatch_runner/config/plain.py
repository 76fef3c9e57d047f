"""Fields that name files, and config dataclasses as plain data.

A field that names a file is declared with `file_field`: the command line then takes a relative
path from the file that says it, and the run key has the file's contents in place of its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from enum import Enum
from typing import Any

from omegaconf import MISSING

FILE = "file"
"""The key of a field's metadata that marks it as the name of a file or directory."""


def file_field(default: Any = MISSING) -> Any:
    """A field whose value, where it is text, names a file or directory."""
    return field(default=default, metadata={FILE: True})


def named_files(section: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, value) of every file that a config dataclass names, at any depth.

    A model with `weights: w.safetensors` in an experiment gives `("model.weights",
    "w.safetensors")`.
    """
    for part, value, is_file in _parts(section):
        inner = f"{key}.{part}" if key else part
        if is_file and isinstance(value, str):
            if value and value != MISSING:
                yield inner, value
        else:
            yield from named_files(value, inner)


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of everything in plain data that is no mapping, or an empty one."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def _parts(section: Any) -> Iterator[tuple[str, Any, bool]]:
    """(name, value, whether it names a file) of what a section holds."""
    if is_dataclass(section) and not isinstance(section, type):
        for each in fields(section):
            yield each.name, getattr(section, each.name), FILE in each.metadata
    elif isinstance(section, Mapping):
        for name, value in section.items():
            yield str(name), value, False


def to_plain(value: Any, *, files: bool = True) -> Any:
    """Config dataclasses, records and what they hold as plain JSON data: dataclasses and mappings
    as objects, tuples as lists, enums as users spell them. All else is left as it is. Without
    `files`, null stands for the name of a file."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            name: None
            if is_file and isinstance(inner, str) and not files
            else to_plain(inner, files=files)
            for name, inner, is_file in _parts(value)
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): to_plain(inner, files=files) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(inner, files=files) for inner in value]
    return value

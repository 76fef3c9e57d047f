"""Interpolations that stand for too much, or for themselves, refused before they are resolved.

`${a}` is replaced by the value of `a`, whose own interpolations are replaced in turn: ten lines of
ten references each stand for ten thousand million copies. The size of what a config stands for is
therefore added up first, each key once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pathpatch_runner.errors import ConfigError

MOST_CHARACTERS = 2**20
"""Of keys and values together, every interpolation written out."""
REFERENCE = re.compile(r"\$\{\s*(\.*)([\w./@-]+)\s*\}")
"""`${key}`, `${.sibling}`: what an innermost interpolation refers to."""

Key = tuple[str, ...]


def check_interpolations(composed: DictConfig) -> None:
    """Raises ConfigError for a cycle, and where more than `MOST_CHARACTERS` would come out."""
    data = OmegaConf.to_container(composed, resolve=False)
    try:
        _Sizes(data).of((), data, ())
    except RecursionError:
        raise ConfigError("config: interpolations or sections are nested too deep") from None


class _Sizes:
    """Characters that each key stands for, computed once."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._known: dict[Key, int] = {}

    def of(self, key: Key, value: Any, above: tuple[Key, ...]) -> int:
        """`above`: the keys whose interpolations led here."""
        if key in above:
            cycle = " -> ".join(".".join(step) for step in (*above[above.index(key) :], key))
            raise ConfigError(f"{'.'.join(key)}: an interpolation refers to itself: {cycle}")
        if key not in self._known:
            size = self._size(key, value, above)
            if size > MOST_CHARACTERS:
                raise ConfigError(
                    f"{'.'.join(key) or 'config'}: its interpolations stand for more than "
                    f"{MOST_CHARACTERS:,} characters. Write out what is meant"
                )
            self._known[key] = size
        return self._known[key]

    def _size(self, key: Key, value: Any, above: tuple[Key, ...]) -> int:
        if isinstance(value, Mapping):
            return sum(
                len(str(name)) + self.of((*key, str(name)), inner, above)
                for name, inner in value.items()
            )
        if isinstance(value, list):
            return sum(self.of((*key, str(i)), inner, above) for i, inner in enumerate(value))
        text = str(value)
        targets = [_target(key, match) for match in REFERENCE.finditer(text)]
        return len(text) + sum(self.of(each, self._at(each), (*above, key)) for each in targets)

    def _at(self, key: Key) -> Any:
        value = self._data
        for part in key:
            if isinstance(value, Mapping):
                value = {str(name): inner for name, inner in value.items()}.get(part)
            elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                return None
        return value


def _target(key: Key, match: re.Match[str]) -> Key:
    """The key that a reference inside the value of `key` means: `.x` is a sibling."""
    dots = len(match[1])
    return (*(key[: len(key) - dots] if dots else ()), *filter(None, match[2].split(".")))

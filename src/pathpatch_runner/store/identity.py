"""The run key: a hash of everything that can change a result, and of nothing else.

Two runs with one key have the same tables, so a finished directory of that key answers for
both. `runtime` cannot change results and is left out. The names of mappings may come in any
order, except under `hypotheses`: there the order of the entries is the order of the rows and
of `cumulative` unions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from pathpatch_runner.effects import FORMAT_VERSION

KEY_LENGTH = 16
"""Hexadecimal digits: 64 bits, no collision to fear below a billion runs."""


def run_key(config: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """16 hexadecimal digits of SHA-256.

    `config`: the resolved config as plain containers, in which paths of files have been
    replaced by nothing or by digests; a `runtime` section is ignored. `digests`: of the
    contents of the data and weights files, by name.
    """
    results = {name: value for name, value in config.items() if name != "runtime"}
    if "hypotheses" in results:
        results["hypotheses"] = _ordered(results["hypotheses"])
    identity = {"config": results, "digests": dict(digests), "format_version": FORMAT_VERSION}
    text = json.dumps(
        identity, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain
    )
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def _ordered(value: Any) -> Any:
    """Mappings as lists of [name, value], which keep their order where names are sorted."""
    if isinstance(value, Mapping):
        return [[name, _ordered(inner)] for name, inner in value.items()]
    if isinstance(value, list | tuple):
        return [_ordered(inner) for inner in value]
    return value


def _plain(value: Any) -> Any:
    """Enums are spelled as users write them."""
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} in a config is not plain data: {value!r}")

"""The run key: a hash of everything that can change a result, and of nothing else.

Two runs with one key have the same tables, so a finished directory of that key answers for
both. `runtime`, `tracking` and `description` cannot change results and are left out. Names of
mappings may come in any order, except under `hypotheses`: there the order of the entries is the
order of the rows and of `cumulative` unions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pathpatch_runner.config import FORMAT_VERSION, ExperimentConfig, to_plain

NOT_IN_KEY = ("runtime", "tracking", "description")
KEY_LENGTH = 16
"""Hexadecimal digits: 64 bits, no collision to fear below a billion runs."""


def identity_of(config: ExperimentConfig) -> dict[str, Any]:
    """The config as plain data, without what cannot change results and without where files lie."""
    plain: dict[str, Any] = to_plain(config, files=False)
    return {name: value for name, value in plain.items() if name not in NOT_IN_KEY}


def run_key(config: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """16 hexadecimal digits of SHA-256.

    `config`: the resolved config as plain containers, in which paths of files have been
    replaced by nothing; what `NOT_IN_KEY` names is ignored. `digests`: of the contents of the
    data and weights files and of the code, by name.
    """
    results = {name: value for name, value in config.items() if name not in NOT_IN_KEY}
    if "hypotheses" in results:
        results["hypotheses"] = _ordered(results["hypotheses"])
    identity = {"config": results, "digests": dict(digests), "format_version": FORMAT_VERSION}
    text = json.dumps(to_plain(identity), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def _ordered(value: Any) -> Any:
    """Mappings as lists of [name, value], which keep their order where names are sorted."""
    if isinstance(value, Mapping):
        return [[name, _ordered(inner)] for name, inner in value.items()]
    if isinstance(value, list | tuple):
        return [_ordered(inner) for inner in value]
    return value

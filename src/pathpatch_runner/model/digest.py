"""What identifies a model: a digest of its weights and config.

Digests do not depend on where files lie. A file is hashed in full.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pathpatch_runner.model.files import readable

LENGTH = 16
BLOCK = 2**20


def file_digest(path: Path, where: str = "model") -> str:
    """SHA-256 of a file, in full. Raises ModelError where it cannot be read, naming the config
    key `where`."""
    digest = hashlib.sha256()
    with readable(path, where), path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def digest_of(parts: Iterable[str]) -> str:
    """16 hexadecimal digits of SHA-256 over texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:LENGTH]


def digest_text(fields: Mapping[str, Any]) -> str:
    """Config fields as a text that does not depend on their order."""
    return json.dumps(dict(fields), sort_keys=True, default=str)

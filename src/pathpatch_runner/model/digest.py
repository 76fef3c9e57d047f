"""What identifies a model: a digest of its weights and config, and a short name for tables.

Digests do not depend on where files lie. A file is hashed in full; a hub model by name and
revision of the snapshot in the cache, whose files are named by their own hashes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from pathpatch_runner.config import (
    GgufModelConfig,
    HubModelConfig,
    LocalModelConfig,
    ModelConfig,
    NativeModelConfig,
    RandomModelConfig,
)
from pathpatch_runner.errors import NotAtHandError
from pathpatch_runner.model.files import gguf_file, native_fields

LENGTH = 16
BLOCK = 2**20


def model_digest(config: ModelConfig) -> str:
    """16 hexadecimal digits of SHA-256 over weights, config and tokenizer."""
    if isinstance(config, NativeModelConfig):
        fields = json.dumps(native_fields(config), sort_keys=True, default=str)
        files = [config.weights, config.tokenizer]
        parts = [fields] + [file_digest(Path(file)) if file else "none" for file in files]
        return _short(parts)
    if isinstance(config, LocalModelConfig):
        folder = Path(config.path)
        if not folder.is_dir():
            raise NotAtHandError(f'model.path: no directory "{folder}"')
        files_in = sorted(path for path in folder.iterdir() if path.is_file())
        return _short(part for path in files_in for part in (path.name, file_digest(path)))
    if isinstance(config, GgufModelConfig):
        return _short([file_digest(gguf_file(config))])
    if isinstance(config, HubModelConfig):
        return _short([config.name, _commit(config.name, config.revision or "main")])
    assert isinstance(config, RandomModelConfig)
    return _short(
        [config.architecture, json.dumps(dict(config.config), sort_keys=True, default=str)]
    )


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in full. Raises ModelError if there is none."""
    if not path.is_file():
        raise NotAtHandError(f'model: no file "{path}"')
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _short(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:LENGTH]


def _commit(name: str, revision: str) -> str:
    """The commit that a branch or tag stands for in the cache; else the revision itself, which
    is a commit or was never downloaded."""
    from huggingface_hub import constants

    refs = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}" / "refs"
    file = refs / revision
    return file.read_text(encoding="utf-8").strip() if file.is_file() else revision


def model_name(config: ModelConfig) -> str:
    """A short name for the tables."""
    if isinstance(config, HubModelConfig):
        return config.name
    if isinstance(config, LocalModelConfig):
        return Path(config.path).resolve().name
    if isinstance(config, GgufModelConfig):
        return Path(config.path or config.file or "gguf").stem
    if isinstance(config, RandomModelConfig):
        return f"random-{config.architecture}"
    assert isinstance(config, NativeModelConfig)
    if config.weights is None:
        return "native-random"
    weights = Path(config.weights)
    folder = weights.resolve().parent.name
    if weights.stem != "model":
        return weights.stem
    return weights.resolve().parent.parent.name if folder == "model" else folder

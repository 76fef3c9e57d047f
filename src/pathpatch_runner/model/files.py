"""Where the files of a model are, and what to say when they cannot be had. No torch."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pathpatch_runner.errors import ModelError, NotAtHandError
from pathpatch_runner.reading import parse_json, read_text

Result = TypeVar("Result")


@contextmanager
def readable(path: Path, where: str) -> Iterator[None]:
    """Turn what the operating system refuses about the file of a config key into one message."""
    try:
        yield
    except OSError as error:
        raise _refused(path, where, error) from error


def _refused(path: Path, where: str, error: OSError) -> ModelError:
    """Why a file cannot be read."""
    if not path.exists():
        return NotAtHandError(f'{where}: no file "{path}"')
    if path.is_dir():
        return ModelError(f'{where}: "{path}" is a directory, not a file')
    return ModelError(f'{where}: "{path}" cannot be read: {error.strerror or error}')


PICKLED = (".pt", ".pth", ".bin", ".pkl", ".ckpt")
"""Ends of the names of weights files that are Python pickles."""


def refused_pickle(where: str, path: Path) -> str:
    """Why a pickle of somebody's is not read, and how to convert it."""
    new = path.with_suffix(".safetensors").name
    return (
        f'{where}: "{path.name}" is a Python pickle, which can run code when it is read, so it is '
        'not. Convert it where you trust it: python -c "import torch, safetensors.torch as s; '
        f"s.save_file(torch.load('{path.name}', weights_only=True), '{new}')\""
    )


def read_json(path: Path, where: str) -> Mapping[str, Any]:
    """The object in a JSON file that a config key names."""
    text = read_text(path, where, ModelError)
    fields = parse_json(text, f'{where}: "{path}"', ModelError)
    if not isinstance(fields, dict):
        raise ModelError(f'{where}: "{path}" does not hold an object of fields')
    return fields


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
    except BaseException as error:
        # What libraries in Rust raise for data that break them: plain Exceptions, and panics, which
        # are not even those.
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise _unreadable(name, error) from error


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


def _unreadable(name: str, error: BaseException) -> ModelError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return ModelError(f'model: "{name}" cannot be loaded: {lines[0]}')

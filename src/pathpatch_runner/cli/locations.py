"""Relative paths in a config, made absolute.

A path in a config file is relative to that file, however the file was reached; if nothing lies
there, to where the command was given. A path on the command line, or one that no file says, is
relative to where the command was given.
"""

from __future__ import annotations

from pathlib import Path

from pathpatch_runner.cli.origins import Origins
from pathpatch_runner.errors import ConfigError, NotAtHandError, PathPatchError


def located(key: str, value: str, origins: Origins) -> str:
    """The absolute path that the value of `key` stands for.

    Raises ConfigError if nothing is there, NotAtHandError for the weights of a model.
    """
    path = Path(value).expanduser()
    if path.is_absolute():
        return str(path)
    folder = origins.folder(key)
    tried = [origins.here / path] if folder is None else [folder / path, origins.here / path]
    candidates = list(dict.fromkeys(candidate.resolve() for candidate in tried))
    for candidate in candidates:
        if candidate.exists():
            return str(candidate)
    looked = " and ".join(f'"{candidate}"' for candidate in candidates)
    problem: type[PathPatchError] = (
        NotAtHandError if key in ("model.path", "model.weights") else ConfigError
    )
    raise problem(f'{key}: "{value}" was not found. Looked at {looked}')

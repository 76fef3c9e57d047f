"""Values of path sets that are kept for later runs (`store.known`), and their removal.

Those that other code computed are taken by no command, so that `clean` removes them. All others may
go as well: then path sets are evaluated again.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from pathpatch_runner.reading import read_record
from pathpatch_runner.store.atomic import explained
from pathpatch_runner.store.known import ABOUT, FOLDER


@dataclass(frozen=True)
class KeptValues:
    """One folder of values. `code`: the digest of the code that computed them, "" where the folder
    does not say; `size`: bytes."""

    folder: Path
    code: str
    size: int


def kept_values(outputs: Path) -> list[KeptValues]:
    """Every folder of values of an output folder, in order of name. Links are none."""
    root = outputs / FOLDER
    if root.is_symlink() or not root.is_dir():
        return []
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())
    return [KeptValues(path, _code(path), _size(path)) for path in folders]


def remove_values(values: KeptValues) -> None:
    """Remove a folder of values. Raises StoreError where the operating system refuses."""
    with explained(values.folder):
        shutil.rmtree(values.folder)


def _code(folder: Path) -> str:
    try:
        return str(json.loads(read_record(folder / ABOUT))["digests"]["code"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.iterdir())

"""Files that appear whole or not at all.

Contents go to a temporary file beside the final one, are flushed to disk and renamed over it,
so that a reader never meets half a file and a crash leaves the old one. Temporary files of a
crashed process end in `TEMPORARY_SUFFIX` and are swept when the directory is next written to.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY_SUFFIX = ".partial"


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary path to write to; on leaving without an error it becomes `path`."""
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY_SUFFIX
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """The text in UTF-8 with its newlines as they are."""
    with replaced(path) as temporary:
        temporary.write_bytes(text.encode())


def sweep(directory: Path) -> None:
    """Delete the temporary files that a crashed process left."""
    for stale in directory.glob(f".*{TEMPORARY_SUFFIX}"):
        stale.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until the file, or the names in the directory, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    """The process' file creation mask: mkstemp makes files that only the owner can read."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

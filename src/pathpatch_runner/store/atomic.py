"""Files that appear whole or not at all.

Contents go to a temporary file beside the final one, are flushed to disk and renamed over it,
so that a reader never meets half a file and a crash leaves the old one. Temporary files of a
crashed process end in `TEMPORARY_SUFFIX` and are swept when the directory is next written to.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pathpatch_runner.errors import StoreError

TEMPORARY_SUFFIX = ".partial"


@contextmanager
def replaced(path: Path, *, flush: bool = True, owner: str = "") -> Iterator[Path]:
    """A temporary path to write to; on leaving without an error it becomes `path`.

    `flush` False: without waiting for the disk. No reader meets half a file then either, unless
    the power fails; for files that say themselves whether they are whole. `owner`: begins the
    temporary file's name, for who sweeps its own in a folder of many. Raises StoreError where the
    operating system refuses: no such folder, no right, no room.
    """
    with explained(path):
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{owner}{path.name}.", suffix=TEMPORARY_SUFFIX
        )
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            if flush:
                _flush(temporary)
            temporary.replace(path)
            if flush:
                _flush(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """What the operating system refuses while `path` is written, as one message."""
    try:
        yield
    except OSError as error:
        # Libraries that write for us raise OSErrors without the system's own words.
        reason = error.strerror or (str(error).splitlines() or [type(error).__name__])[0]
        raise StoreError(f'"{path}" cannot be written: {reason}. {_mend(path, error)}') from error


def _mend(path: Path, error: OSError) -> str:
    blocked = next((p for p in path.parents if p.exists() and not p.is_dir()), None)
    if blocked is not None:
        return f'"{blocked}" is a file where a folder must be. Name another folder'
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space" in str(error):
        return "Make room there, or name another folder, and run again: what is done is kept"
    denied = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    if not denied and not path.parent.is_dir():
        return "Make the folder first, or name another one"
    return "Name a folder that you may write to (runtime.output_root)"


def write_text(path: Path, text: str) -> None:
    """The text in UTF-8 with its newlines as they are."""
    with replaced(path) as temporary:
        temporary.write_bytes(text.encode())


def sweep(directory: Path) -> None:
    """Delete the temporary files that a crashed process left, in folders inside too."""
    for stale in directory.rglob(f".*{TEMPORARY_SUFFIX}"):
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

"""One writer per run directory.

The lock is `flock` on a file in the directory: the kernel lets go of it when the process ends,
however it ends, so a lock can never be stale. The file holds the writer's process id, for the
message only, and is deleted with the lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pathpatch_runner.errors import StoreError
from pathpatch_runner.store.atomic import explained

LOCK_NAME = ".lock"
PAUSE = 0.05
"""Seconds between two tries."""


@contextmanager
def locked(directory: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold the directory's lock. Raises StoreError where someone else holds it for longer than
    `patience` seconds."""
    path = directory / LOCK_NAME
    last_try = time.monotonic() + patience
    while True:
        try:
            handle = _acquire(path)
            break
        except StoreError as error:
            # What the operating system refuses it refuses again.
            if error.__cause__ is not None or time.monotonic() >= last_try:
                raise
            time.sleep(PAUSE)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def is_locked(directory: Path) -> bool:
    """Whether a process is writing there now. Creates nothing, and keeps no writer waiting: one
    that comes in this very moment says that it cannot have the directory."""
    try:
        handle = os.open(directory / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _acquire(path: Path) -> int:
    """An open handle that holds the lock of the file now at `path`."""
    while True:
        with explained(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode() or "unknown"
            os.close(handle)
            raise StoreError(
                f'"{path.parent}" is being written to by another run (process {holder}). '
                "Wait for it to finish, or stop it; running again then continues from there"
            ) from None
        # The holder before us may have deleted the file between our open and our lock.
        if _is_at(handle, path):
            return handle
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False

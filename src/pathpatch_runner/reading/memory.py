"""What does not fit into memory, as one message in place of a MemoryError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pathpatch_runner.errors import PathPatchError


@contextmanager
def within_memory(where: str, error: type[PathPatchError]) -> Iterator[None]:
    """What this block reads fits, or is refused. `where`: begins the message."""
    try:
        yield
    except MemoryError:
        problem = error(f"{where}: it does not fit into memory. Use a part of it")
    else:
        return
    # Not in the handler: the error holds what had been read.
    raise problem

"""A process for hostile files (`forked`): each is read in a child, which may have `MEMORY` more
than the modules take and `SECONDS` of the processor's time.

Asked with a reader and a file, it answers "refused ERROR: message", "failed ..." or "read".
"""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

from forked import serve
from fuzz.readers import COMPOSED, READERS
from pathpatch_runner.errors import PathPatchError

MEMORY = 768 * 2**20
"""Bytes of addresses beyond those of the modules."""
SECONDS = 2.0


def _bounded() -> None:
    """This process, from here on."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)


def _answer(reader: str, path: str) -> str:
    (read,) = (each.read for each in (*READERS, COMPOSED) if each.name == reader)
    _bounded()
    try:
        read(Path(path))
    except PathPatchError as error:
        return f"refused {type(error).__name__}: {error}"
    except BaseException as error:
        return f"failed {type(error).__name__}: {error}"
    return "read"


if __name__ == "__main__":
    serve(_answer)

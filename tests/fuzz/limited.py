"""A process of its own for each hostile file, with bounded memory and time.

Imports once; then, for each line of its input (a reader, a file), reads the file in a child that
may have `MEMORY` more than it has and `SECONDS` of the processor's time. Answers what came of it:
"refused ERROR: message", "read", or what the child ended by.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = 768 * 2**20
"""Bytes of addresses beyond those of the modules."""
SECONDS = 2.0
TESTS = str(Path(__file__).parents[1])


class Readings:
    """Asks the process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._answer() == "ready"

    def read(self, reader: str, file: Path) -> str:
        """What came of reading a file."""
        assert self._process.stdin is not None
        print(reader, file, sep="\t", file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def readings() -> Iterator[Readings]:
    """While it is needed."""
    path = os.pathsep.join([TESTS, *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, "-m", "fuzz.limited"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    ) as process:
        yield Readings(process)


def _bounded() -> None:
    """This process, from here on."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)


def _child(reader: str, path: Path, writing: int) -> None:
    from fuzz.readers import COMPOSED, READERS
    from pathpatch_runner.errors import PathPatchError

    (read,) = (each.read for each in (*READERS, COMPOSED) if each.name == reader)
    _bounded()
    try:
        read(path)
        answer = "read"
    except PathPatchError as error:
        answer = f"refused {type(error).__name__}: {error}"
    except BaseException as error:
        answer = f"failed {type(error).__name__}: {error}"
    os.write(writing, answer.replace("\n", " | ")[:2000].encode(errors="replace"))
    os._exit(0)


def _main() -> None:
    import fuzz.readers  # noqa: F401

    print("ready", flush=True)
    for line in sys.stdin:
        reader, path = line.rstrip("\n").split("\t")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _child(reader, Path(path), writing)
        os.close(writing)
        answer = os.read(reading, 8192).decode()
        os.close(reading)
        _, status = os.waitpid(child, 0)
        ended = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else answer
        print(ended or "nothing", flush=True)


if __name__ == "__main__":
    _main()

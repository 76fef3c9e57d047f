"""A Python process that imports once, and then answers each line sent to it in a child of its own.

What is done in the child (killed, bounded in memory, its module state changed) leaves no trace for
the next line. The module that is run calls `serve`; whoever asks holds an `Asked`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = str(Path(__file__).parent)


class Asked:
    """The process, from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._answer() == "ready"

    def ask(self, *words: object) -> str:
        """What the child answers; the name of a signal if that is what it ended by."""
        assert self._process.stdin is not None
        print(*words, sep="\t", file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def asked(module: str) -> Iterator[Asked]:
    """`python -m module`, while it is needed."""
    path = os.pathsep.join([TESTS, *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    ) as process:
        yield Asked(process)


def serve(answer: Callable[..., str]) -> None:
    """Says that it is ready, then `answer(*words)` for each line, in a child each."""
    print("ready", flush=True)
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            said = answer(*line.rstrip("\n").split("\t"))
            os.write(writing, said.replace("\n", " | ")[:4000].encode(errors="replace"))
            os._exit(0)
        os.close(writing)
        said = os.read(reading, 16384).decode()
        os.close(reading)
        _, status = os.waitpid(child, 0)
        ended = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else said
        print(ended or "nothing", flush=True)

"""Ctrl-C ends the command within two seconds, and it is said what is kept and how to go on.

Python looks for a signal between its own steps only, and one step can be a long matrix product or
the reading of a file. A thread of its own therefore waits for the signal, and ends the process
where that has not ended by itself. No file suffers from it: files appear whole or not at all
(`store.atomic`), and the manifest of a run is its last one.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 1.5
"""Seconds that the program has to end by itself."""
EXIT_CODE = 128 + signal.SIGINT
"""What a shell calls a command that Ctrl-C ended."""
SHOW_CURSOR = "\x1b[?25h"
"""A progress bar hides it."""


@contextmanager
def interruptible(said: Callable[[], str]) -> Iterator[None]:
    """What is done in this block can be interrupted: it then ends in the message that `said` gives
    and in `EXIT_CODE`. Outside of the main thread, which has no signals, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    watch = _Watch(said)
    try:
        yield
    except KeyboardInterrupt:
        # The watch goes on: what is done at the end of the process can take long too.
        watch.tell()
        sys.exit(EXIT_CODE)
    except BaseException:
        watch.stop()
        raise
    else:
        watch.stop()


class _Watch:
    """Waits for the signal in a thread. The interpreter's own handler writes each signal's number
    into a pipe at once, whatever Python is in."""

    def __init__(self, said: Callable[[], str]) -> None:
        self._said = said
        self._told = threading.Lock()
        self._over = threading.Event()
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        threading.Thread(target=self._wait, name="Ctrl-C", daemon=True).start()

    def _wait(self) -> None:
        while (number := os.read(self._reading, 1)) and number[0] != signal.SIGINT:
            pass
        if number and not self._over.wait(PATIENCE):
            self.tell()
            os._exit(EXIT_CODE)
        os.close(self._reading)

    def tell(self) -> None:
        """The message, once, whoever comes first."""
        if not self._told.acquire(blocking=False):
            return
        cursor = SHOW_CURSOR if sys.stderr.isatty() else ""
        print(f"{cursor}{self._said()}", file=sys.stderr, flush=True)

    def stop(self) -> None:
        """Nothing was interrupted."""
        signal.set_wakeup_fd(self._before)
        self._over.set()
        os.close(self._writing)

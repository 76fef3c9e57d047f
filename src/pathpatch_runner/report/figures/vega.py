"""Vega-Lite to SVG in a process of its own.

vl-convert runs a JavaScript engine, and an engine that runs out of memory, or meets text that it
did not expect, ends its whole process without an exception. Hours of computing must not depend
on a picture: the engine is another process, started with the first figure or before, and reused.
If it ends while it draws, the figure says that it could not be drawn, and the next one gets a new
process.

The process reads a JSON specification a line and answers a JSON object a line.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import IO, Any

from pathpatch_runner.report.text import visible

SECONDS = 120
"""After which a figure is given up."""

SERVER = """
import json, sys
import vl_convert
vl_convert.vegalite_to_svg({"data": {"values": []}, "mark": "point"}, allowed_base_urls=[])
for line in sys.stdin:
    try:
        svg = vl_convert.vegalite_to_svg(json.loads(line), allowed_base_urls=[])
        answer = {"svg": svg}
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
"""


class VegaError(RuntimeError):
    """A figure could not be drawn."""


def start_drawing() -> None:
    """Start the process, if there is none, so that it is ready when the first figure comes: it
    takes half a second. Whatever prevents that is told by the first figure."""
    with contextlib.suppress(OSError):
        _running()


def vega_svg(spec: Mapping[str, Any]) -> str:
    """Draw a complete specification, its texts with everything made visible. Raises VegaError."""
    try:
        return _running().draw(json.dumps(_visible(spec)))
    except (OSError, EOFError, ValueError) as error:
        _process.cache_clear()
        raise VegaError(f"the drawing process ended: {error}") from error


def _visible(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {key: _visible(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_visible(inner) for inner in value]
    return value


class _Process:
    """The engine. One request at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            # Ctrl-C is for whoever waits for figures, not for what draws them.
            start_new_session=True,
        )
        atexit.register(self.close)

    @property
    def has_ended(self) -> bool:
        """Whether it draws nothing any more."""
        return self._process.poll() is not None

    def draw(self, request: str) -> str:
        """Raises EOFError where the process ends, VegaError for what cannot be drawn."""
        with self._lock:
            timer = threading.Timer(SECONDS, self._process.kill)
            timer.start()
            try:
                answer = self._ask(request)
            except (OSError, EOFError):
                self.close()
                raise
            finally:
                timer.cancel()
        if "error" in answer:
            raise VegaError(str(answer["error"]))
        return str(answer["svg"])

    def _ask(self, request: str) -> dict[str, str]:
        stdin, stdout = self._pipes()
        stdin.write(request + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise EOFError(f"exit code {self._process.wait()}")
        answer: dict[str, str] = json.loads(line)
        return answer

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        return stdin, stdout

    def close(self) -> None:
        """End the process; it ends by itself when this one does."""
        self._process.kill()
        for pipe in self._pipes():
            try:
                pipe.close()
            except OSError:
                continue
        self._process.wait()
        atexit.unregister(self.close)


@lru_cache(maxsize=1)
def _process() -> _Process:
    return _Process()


def _running() -> _Process:
    """The process; another one where it ended while there was nothing to draw."""
    if _process().has_ended:
        _process().close()
        _process.cache_clear()
    return _process()

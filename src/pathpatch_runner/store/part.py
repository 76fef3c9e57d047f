"""A part file: values of some units, as they were found, with what they are values of.

    MAGIC | length of the head, 8 bytes | SHA-256 of the head | head | values

The head is a line of JSON (what was measured, and the SHA-256 of the values) and then the ids of
the units, `LENGTH` bytes each. The values are float64 [unit, metric, point], little-endian. Both
digests are looked at before anything is used: a file that was cut off, damaged or written by
something else is no part (`PartError`), whatever it says.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pathpatch_runner.expression.identity import LENGTH

MAGIC = b"pathpatch part 1\n"
SUFFIX = ".part"
MOST_HEAD = 2**31
"""Bytes of a head: far more than any run has units."""


class PartError(Exception):
    """Not a part file, or a damaged one. Never shown: such a file counts as none."""


@dataclass(frozen=True)
class Head:
    """`run`: the key of the run that found the values; `points`: numbers of evaluation points in
    the dataset; `ids` [unit]."""

    run: str
    direction: str
    draw: int
    metrics: tuple[str, ...]
    points: tuple[int, ...]
    ids: tuple[bytes, ...]

    @property
    def about(self) -> tuple[str, int, tuple[str, ...], tuple[int, ...]]:
        """What the values are of, but for the units: parts that agree in it can be joined."""
        return self.direction, self.draw, self.metrics, self.points

    @property
    def shape(self) -> tuple[int, int, int]:
        """(units, metrics, points)."""
        return len(self.ids), len(self.metrics), len(self.points)


def encoded(head: Head, values: np.ndarray) -> bytes:
    """The file. `values`: float64 [unit, metric, point]."""
    assert values.shape == head.shape, f"{values.shape} values of {head.shape}"
    data = np.ascontiguousarray(values, dtype="<f8").tobytes()
    said = {
        "run": head.run,
        "direction": head.direction,
        "draw": head.draw,
        "metrics": head.metrics,
        "points": head.points,
        "units": len(head.ids),
        "values": hashlib.sha256(data).hexdigest(),
    }
    text = json.dumps(said).encode() + b"\n" + b"".join(head.ids)
    length = struct.pack("<Q", len(text))
    return MAGIC + length + hashlib.sha256(text).digest() + text + data


def read_head(path: Path) -> Head:
    """The head of a part file. Raises PartError, or OSError where it cannot be read."""
    with path.open("rb") as file:
        return _head(file)[0]


def read_part(path: Path) -> tuple[Head, np.ndarray]:
    """The head and the values [unit, metric, point]. Raises PartError, or OSError."""
    with path.open("rb") as file:
        head, digest = _head(file)
        data = file.read()
    if hashlib.sha256(data).hexdigest() != digest:
        raise PartError("the values are not those that were written")
    return head, np.frombuffer(data, dtype="<f8").reshape(head.shape)


def _head(file: Any) -> tuple[Head, str]:
    if file.read(len(MAGIC)) != MAGIC:
        raise PartError("it does not begin as a part file does")
    sizes = file.read(8 + 32)
    if len(sizes) < 8 + 32:
        raise PartError("it is cut off")
    (length,) = struct.unpack("<Q", sizes[:8])
    if length > MOST_HEAD:
        raise PartError("its head is too long")
    text = file.read(length)
    if hashlib.sha256(text).digest() != sizes[8:]:
        raise PartError("its head is not what was written")
    line, _, ids = text.partition(b"\n")
    try:
        said = json.loads(line)
        head = Head(
            run=str(said["run"]),
            direction=str(said["direction"]),
            draw=int(said["draw"]),
            metrics=tuple(map(str, said["metrics"])),
            points=tuple(map(int, said["points"])),
            ids=tuple(ids[n : n + LENGTH] for n in range(0, len(ids), LENGTH)),
        )
        digest = str(said["values"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise PartError(f"its head is not understood: {error}") from error
    size = os.fstat(file.fileno()).st_size - file.tell()
    if size != 8 * math.prod(head.shape):
        raise PartError("it is not as long as it says")
    return head, digest

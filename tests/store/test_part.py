"""Part files: read back as they were, or not at all."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from fuzz.rules import damaged
from pathpatch_runner.store.part import MAGIC, Head, PartError, encoded, read_head, read_part

HEAD = Head("run", "noising", 0, ("loss", "kl"), (3, 4, 7), (b"a" * 16, b"b" * 15 + b"\0"))
VALUES = np.arange(12, dtype=np.float64).reshape(2, 2, 3) / 7


def test_a_part_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "p.part"
    path.write_bytes(encoded(HEAD, VALUES))
    head, values = read_part(path)
    assert head == read_head(path) == HEAD
    assert values.tobytes() == VALUES.tobytes()


def test_no_damaged_part_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.part"
    sound, read = encoded(HEAD, VALUES), []
    for name, contents in damaged(sound):
        path.write_bytes(contents)
        try:
            read_part(path)
        except PartError:
            continue
        read.append(name)
    assert read == []


def forged(said: object, ids: bytes = b"", data: bytes = b"") -> bytes:
    """A file whose digests are right, whatever it says."""
    text = json.dumps(said).encode() + b"\n" + ids
    return MAGIC + struct.pack("<Q", len(text)) + hashlib.sha256(text).digest() + text + data


@pytest.mark.parametrize(
    "contents",
    [
        forged([]),
        forged({}),
        forged({**vars(HEAD), "ids": None, "values": "", "points": "many"}),
        forged({**vars(HEAD), "ids": None, "values": ""}, b"a" * 32, bytes(95)),
        forged({**vars(HEAD), "ids": None, "values": ""}, b"a" * 32, bytes(96)),
        MAGIC + struct.pack("<Q", 2**62) + bytes(32),
    ],
)
def test_a_head_that_lies_is_refused(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "p.part"
    path.write_bytes(contents)
    with pytest.raises(PartError):
        read_part(path)

"""Malformed inputs by rule: what happens to files on their way, and what no format allows.

`damaged` takes any file apart as bytes, `misshapen` a document of plain data value by value. Both
give (name, contents) and the same ones every time.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

WRONG: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "minus one": -1,
    "huge": 10**30,
    "a fraction": 0.5,
    "empty text": "",
    "text": "x\u202e\x1b[31m",
    "empty list": [],
    "list of lists": [[[1]], {"a": []}],
    "empty object": {},
    "object": {"a": {"b": [None]}},
}
"""Put in the place of every value in turn."""
DEEP = b"[" * 5000
MOST_CUTS = 12


def damaged(data: bytes) -> Iterator[tuple[str, bytes]]:
    """A file cut off, with bytes lost, changed, or put in, in another encoding, twice, or none."""
    chance = random.Random(0)
    for cut in sorted(chance.sample(range(1, len(data)), min(MOST_CUTS, len(data) - 1))):
        yield f"cut off after {cut} bytes", data[:cut]
    for at in sorted(chance.sample(range(len(data)), min(MOST_CUTS, len(data)))):
        yield f"without byte {at}", data[:at] + data[at + 1 :]
        yield f"byte {at} turned round", data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        yield f"NUL at {at}", data[:at] + b"\0" + data[at:]
        yield f"bracket at {at}", data[:at] + b"[" + data[at:]
    yield "nothing", b""
    yield "one byte", b"\x80"
    yield "random bytes", chance.randbytes(4096)
    yield "zeros", bytes(4096)
    yield "ones", b"\xff" * 4096
    yield "twice", data + data
    yield "backwards", data[::-1]
    yield "nested very deep", DEEP
    yield "very deep within", data[: len(data) // 2] + DEEP + data[len(data) // 2 :]
    yield "a long line of digits", b"9" * 20_000
    text = data.decode("latin-1")
    yield "UTF-16", text.encode("utf-16")
    yield "UTF-32", text.encode("utf-32")
    yield "a web page", b"<!DOCTYPE html><html><body>404</body></html>"
    yield "a pointer to a large file", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    yield "a pickle", b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94."


def misshapen(document: Any) -> Iterator[tuple[str, Any]]:
    """The document with one value replaced by another kind, one key gone, or one too many."""
    for place in _places(document):
        for name, wrong in WRONG.items():
            yield f"{name} at {place}", _with(document, place, wrong)
        value = _at(document, place)
        if isinstance(value, dict):
            yield f"one more key at {place}", _with(document, place, {**value, "surplus": 1})
        if place and isinstance(_at(document, place[:-1]), dict):
            rest = {k: v for k, v in _at(document, place[:-1]).items() if k != place[-1]}
            yield f"no {place}", _with(document, place[:-1], rest)


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield above
    keys: list[Any] = list(value) if isinstance(value, dict) else []
    keys = list(range(len(value))) if isinstance(value, list) else keys
    for key, each in ((key, value[key]) for key in keys):
        yield from _places(each, (*above, key))


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def _with(document: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    changed = copy.deepcopy(document)
    _at(changed, place[:-1])[place[-1]] = new
    return changed

"""Read character vectors out of R data files without R.

Debian ships the novels of Jane Austen as an R package: ``data/Rdata.rdb`` holds one compressed
record per novel and ``data/Rdata.rdx`` says where each record lies. This module reads that pair,
and single ``.rda`` files, as far as lists, pairlists, symbols and atomic vectors go; R code
objects are refused by name.

Format: R Internals, section 1.8 "Serialization Formats" (XDR, versions 2 and 3). An item starts
with a big-endian flag word: the low byte is the type, bit 9 says "attributes follow", bit 10
"a tag precedes" (pairlists).
"""

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_SYMBOL, _PAIRLIST, _CHAR, _LOGICAL, _INTEGER, _REAL, _STRINGS, _LIST = 1, 2, 9, 10, 13, 14, 16, 19
_REFERENCE, _NIL = 255, 254
_HAS_ATTRIBUTES, _HAS_TAG = 1 << 9, 1 << 10
_DECOMPRESSORS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZ": bz2.decompress,
    b"\xfd7": lzma.decompress,
}


class _Reader:
    """One pass over one serialised R object; ``item()`` returns plain Python values.

    Vectors become lists; a list with names, and a pairlist, become dictionaries.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._symbols: list[str] = []

    def _integers(self, count: int) -> tuple[int, ...]:
        return struct.unpack(f">{count}i", self._take(4 * count))

    def _take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def header(self) -> None:
        if self._take(2) != b"X\n":
            raise ValueError("not a binary (XDR) R serialisation: it does not start with 'X'")
        version, _, _ = self._integers(3)
        if version >= 3:
            self._take(self._integers(1)[0])

    def item(self) -> Any:
        (flags,) = self._integers(1)
        kind = flags & 0xFF
        if kind == _NIL:
            return None
        if kind == _REFERENCE:
            return self._symbols[(flags >> 8 or self._integers(1)[0]) - 1]
        if kind == _SYMBOL:
            self._symbols.append(self.item())
            return self._symbols[-1]
        if kind == _CHAR:
            (size,) = self._integers(1)
            return None if size == -1 else self._take(size).decode("utf-8", errors="replace")
        if kind == _PAIRLIST:
            return self._pairlist(flags)
        value = self._vector(kind)
        attributes = self.item() if flags & _HAS_ATTRIBUTES else {}
        return (
            dict(zip(attributes["names"], value, strict=True)) if "names" in attributes else value
        )

    def _pairlist(self, flags: int) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        while flags & 0xFF == _PAIRLIST:
            if flags & _HAS_ATTRIBUTES:
                self.item()
            tag = self.item() if flags & _HAS_TAG else str(len(pairs))
            pairs[tag] = self.item()
            (flags,) = self._integers(1)
        return pairs

    def _vector(self, kind: int) -> list[Any]:
        (length,) = self._integers(1)
        if kind in (_LOGICAL, _INTEGER):
            return list(self._integers(length))
        if kind == _REAL:
            return list(struct.unpack(f">{length}d", self._take(8 * length)))
        if kind in (_STRINGS, _LIST):
            return [self.item() for _ in range(length)]
        raise ValueError(f"R object of type {kind} is not supported, only vectors and lists")


def _deserialise(data: bytes) -> Any:
    reader = _Reader(data)
    reader.header()
    return reader.item()


def _decompress(data: bytes) -> bytes:
    decompress: Callable[[bytes], bytes] = _DECOMPRESSORS.get(data[:2], bytes)
    return decompress(data)


def _database(index: Path) -> dict[str, Any]:
    """Objects of a lazy-load database: ``index`` is the ``.rdx`` beside its ``.rdb``."""
    where = _deserialise(_decompress(index.read_bytes()))["variables"]
    records = index.with_suffix(".rdb").read_bytes()
    objects = {}
    for name, (offset, length) in where.items():
        # Four bytes hold the uncompressed size; the rest is zlib (R's default compression).
        objects[name] = _deserialise(zlib.decompress(records[offset + 4 : offset + length]))
    return objects


def _archive(path: Path) -> dict[str, Any]:
    """Objects of an ``.rda`` file as written by R's ``save()``."""
    data = _decompress(path.read_bytes())
    if data[:5] not in (b"RDX2\n", b"RDX3\n"):
        raise ValueError(f"{path.name}: not an .rda file in R's binary format")
    objects = _deserialise(data[5:])
    assert isinstance(objects, dict)
    return objects


def character_vectors(path: Path) -> Iterator[tuple[str, list[str]]]:
    """``(name, lines)`` for every character vector in an ``.rdx``/``.rdb`` pair or ``.rda`` file.

    Raises:
        ValueError: the file is not in R's binary format or holds R code objects.
    """
    objects = _database(path) if path.suffix == ".rdx" else _archive(path)
    for name, value in sorted(objects.items()):
        if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
            yield name, value

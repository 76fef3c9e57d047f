"""A text file: UTF-8, with or without a byte order mark, of bounded size, a regular file.

A file in another encoding is refused with the byte that shows it and a command that mends it: to
guess an encoding would give other prompts than those written.
"""

from __future__ import annotations

import codecs
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.reading.memory import within_memory

MOST_BYTES = 2**30
"""The largest file that is read."""
MOST_OF_RECORD = 2**25
"""The largest of our own records: a manifest, a plan."""
OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""Byte order marks of encodings that are not read; UTF-32's first, which begins like UTF-16's."""


def read_text(path: Path, where: str, error: type[PathPatchError]) -> str:
    """The text of a file, without its byte order mark; line ends as they are in the file."""
    with within_memory(f'{where}: "{path}"', error):
        return _text(_read_bytes(path, where, error), path, where, error)


def _text(data: bytes, path: Path, where: str, error: type[PathPatchError]) -> str:
    for mark, encoding in OTHER_ENCODINGS.items():
        if data.startswith(mark):
            raise error(
                f'{where}: "{path}" is {encoding} text: it begins with the bytes {mark.hex(" ")}. '
                f"{_mended(encoding)}"
            )
    if 0 in data:
        at = data.index(0)
        raise error(
            f'{where}: "{path}" is not a text file: {_place(data, at)} is NUL. '
            f"If it is UTF-16: {_mended('UTF-16LE')}"
        )
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as problem:
        at = problem.start + (len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0)
        raise error(
            f'{where}: "{path}" is not UTF-8 text: {_place(data, at)} is 0x{data[at]:02x}. '
            f"If it is Latin-1: {_mended('LATIN1')}"
        ) from problem


def read_record(path: Path) -> str:
    """The text of a file that this package wrote itself: a record, of bounded size. Raises OSError
    (a file that is too large among them) or UnicodeDecodeError."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MOST_OF_RECORD:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        return file.read(size + 1).decode("utf-8")


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number from 1, line) of every line that is not blank. Only a line feed ends a line, with or
    without a carriage return before it: JSON may hold U+2028 and the like inside a text."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.removesuffix("\r")


def _read_bytes(path: Path, where: str, error: type[PathPatchError]) -> bytes:
    try:
        if not path.exists():
            raise error(f'{where}: no file "{path}"')
        if path.is_dir():
            raise error(f'{where}: "{path}" is a directory. Name a file')
        # A pipe would keep us waiting, and a device need never end.
        if not path.is_file():
            raise error(f'{where}: "{path}" is not a regular file. Save what it gives as one')
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            # One byte more, to see a file that grows. A read of MOST_BYTES would ask for as much.
            data = file.read(size + 1) if size <= MOST_BYTES else b""
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise error(f'{where}: "{path}" cannot be read: {reason}') from problem
    if max(size, len(data)) > MOST_BYTES:
        raise error(f'{where}: "{path}" is larger than {MOST_BYTES:,} bytes. Use a part of it')
    return data


def _place(data: bytes, at: int) -> str:
    line = data.count(b"\n", 0, at) + 1
    return f"byte {at} (line {line})"


def _mended(encoding: str) -> str:
    return f"Save it as UTF-8, for instance: iconv -f {encoding} -t UTF-8 FILE > NEW"

"""JSON as plain data, strictly: what Python's reader lets through and no other does is refused.

Equal keys of one object (the last would win silently), `NaN` and `Infinity`, numbers too large to
be one, deep nesting, and half characters are errors with their line.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.reading.memory import within_memory
from pathpatch_runner.reading.refusals import equal_keys, quoted, too_deep, unusable

MOST_VALUES = 2**22
"""Of one JSON text, a line of JSON Lines, by its commas: a circuit of a million edges."""
TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|[{}\[\]]|\n', re.DOTALL)
"""What matters for finding the keys of objects: texts (a key has a colon behind it), brackets,
line ends."""


def parse_json(
    text: str,
    where: str,
    error: type[PathPatchError],
    first_line: int = 1,
    *,
    non_finite: bool = False,
) -> Any:
    """The data of a JSON text. `where`: the file's name; the text begins in its line `first_line`.
    `non_finite`: read NaN and Infinity, which other tools write for "no score".

    A message begins with the file's name and the line where it can be known.
    """
    if text.count(",") > MOST_VALUES:
        raise error(
            f"{where}:{first_line}: more than {MOST_VALUES:,} values in one JSON text. Write a "
            "record a line (JSON Lines), or use a part of it"
        )
    try:
        with within_memory(where, error):
            value = json.loads(
                text,
                object_pairs_hook=_object,
                parse_constant=float if non_finite else _no_number,
                parse_float=_finite,
                parse_int=_whole,
            )
            problem = unusable(value)
    except json.JSONDecodeError as caught:
        line = first_line + caught.lineno - 1
        raise error(f"{where}:{line}: not JSON: {caught.msg} (column {caught.colno})") from caught
    except _EqualKeysError as caught:
        first, again = (first_line + line - 1 for line in _lines_of_equal(text, caught.key))
        raise error(f"{where}:{again}: {equal_keys(quoted(caught.key), first, again)}") from caught
    except _NumberError as caught:
        problem = str(caught)
    except RecursionError:
        problem = too_deep()
    if problem:
        raise error(f"{where}:{first_line}: {problem}")
    return value


class _EqualKeysError(Exception):
    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


class _NumberError(Exception):
    pass


def _object(items: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(items)
    if len(made) < len(items):
        seen: set[str] = set()
        for key, _ in items:
            if key in seen:
                raise _EqualKeysError(key)
            seen.add(key)
    return made


def _no_number(text: str) -> NoReturn:
    raise _NumberError(f"{text} is not a number in JSON. Leave the value out, or say null")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NumberError(f"the number {text[:40]} is too large")
    return value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as caught:
        raise _NumberError(
            f"the number {text[:40]}... of {len(text)} digits is too long"
        ) from caught


def _lines_of_equal(text: str, key: str) -> tuple[int, int]:
    """Lines, from 1, of the first two keys `key` of one object."""
    line, objects = 1, list[dict[str, int]]()
    for match in TOKEN.finditer(text):
        token = match[0]
        if token in ("{", "["):
            objects.append({})
        elif token in ("}", "]"):
            objects.pop()
        elif match[2] and json.loads(match[1]) == key:
            if key in objects[-1]:
                return objects[-1][key], line
            objects[-1][key] = line
        line += token.count("\n")
    raise AssertionError("called for a text without equal keys")

"""What is refused in JSON and YAML alike, and the words for it."""

from __future__ import annotations

import re
from typing import Any

MOST_DEPTH = 100
"""How deep lists and objects may be nested: far more than any format here needs, and far less than
the depth at which Python's own recursion ends."""
MOST_SHOWN = 80
SURROGATE = re.compile("[\ud800-\udfff]")


def equal_keys(key: object, first: int, again: int) -> str:
    """A key that one object or mapping holds twice, in these lines of the file."""
    also = "" if first == again else f" (also in line {first})"
    return f'the key "{key}" stands twice in one object{also}. Leave one of them'


def unusable(value: Any) -> str:
    """What no reader could use, or "": too deep nesting, texts with half a character in them."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            return too_deep()
        for text in level:
            if isinstance(text, str) and not text.isascii() and SURROGATE.search(text):
                return f'"{quoted(text)}" holds half a character (a lone surrogate)'
        level = [inner for outer in level for inner in _inside(outer)]
    return ""


def too_deep() -> str:
    """Data nested deeper than `MOST_DEPTH`."""
    return f"lists or objects are nested more than {MOST_DEPTH} deep"


def quoted(text: str) -> str:
    """A text as messages can show it: short, and without half characters."""
    return text[:MOST_SHOWN].encode("utf-8", "backslashreplace").decode()


def _inside(value: Any) -> tuple[Any, ...] | list[Any]:
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, list) else ()

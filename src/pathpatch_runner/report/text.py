"""Numbers and names as a reader sees them, the same in the terminal, in pages and in figures."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from rich.cells import cell_len, set_cell_size

MISSING = "-"
"""Stands for a value that there is none of."""

_CONTROL_PICTURES = 0x2400
"""Unicode has a picture for each of the first 32 characters, such as ␛ for escape."""


def number(value: float | None) -> str:
    """Three decimals; of a smaller number two significant digits, of a larger one four."""
    if value is None:
        return MISSING
    size = abs(value)
    if size == 0:
        return "0.000"
    if size < 0.001:
        return f"{value:.2g}"
    return f"{value:.3f}" if size < 999.9995 else f"{value:.4g}"


def interval(low: float | None, high: float | None, form: Callable[[float], str] = number) -> str:
    """Both bounds, or that there are none."""
    return MISSING if low is None or high is None else f"[{form(low)}, {form(high)}]"


def percent(value: float | None) -> str:
    """A share with one decimal; a quotient by next to nothing with three digits."""
    if value is None:
        return MISSING
    text = f"{100 * value:.1f}%" if abs(value) < 100 else f"{100 * value:.3g}%"
    return "0.0%" if text == "-0.0%" else text


def probability(value: float | None) -> str:
    """A p value or a q value."""
    if value is None:
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def points(count: int) -> str:
    """How many evaluation points."""
    return f"{count:,} evaluation point{'' if count == 1 else 's'}"


def counted(count: int, what: str) -> str:
    """ "1 pair", "12 pairs"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time as one says it: "0.42 s", "3.1 s", "2 min 5 s", "1 h 4 min"."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def visible(text: str) -> str:
    """The text with what would act instead of being read made visible: control characters (an
    escape sequence colours a terminal) as their pictures, marks that turn the direction of
    writing as their code points. Letters of every script stay as they are."""
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    kind = unicodedata.category(character)
    if kind == "Cc":
        code = ord(character)
        return chr(_CONTROL_PICTURES + code) if code < 32 else "␡" if code == 127 else "�"
    return f"\\u{ord(character):04x}" if kind in ("Cf", "Cn", "Cs", "Zl", "Zp") else character


def shorten(text: str, width: int) -> str:
    """At most `width` columns of a terminal, in which some letters take two: start and end are
    kept, of a member of a family the whole binding if it can be, since that is where it differs
    from the others."""
    if cell_len(text) <= width:
        return text
    tail = (width - 1) // 2
    binding = cell_len(text[text.rfind("[") :]) if "[" in text else 0
    if text.endswith("]") and tail < binding <= width - 4:
        tail = binding
    return f"{_start(text, width - 1 - tail)}…{_end(text, tail)}"


def _start(text: str, width: int) -> str:
    """As much as fits; a letter of double width that would be cut in two is left out."""
    return set_cell_size(text, width).rstrip(" ") if width > 0 else ""


def _end(text: str, width: int) -> str:
    return _start(text[::-1], width)[::-1]

"""Numbers and names as a reader sees them, the same in the terminal and in the HTML report."""

from __future__ import annotations

from collections.abc import Callable

MISSING = "-"
"""Stands for a value that there is none of."""


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
    """A p value."""
    if value is None:
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def points(count: int) -> str:
    """How many evaluation points."""
    return f"{count:,} evaluation point{'' if count == 1 else 's'}"


def shorten(text: str, width: int) -> str:
    """At most `width` characters: start and end are kept, of a member of a family the whole
    binding if it can be, since that is where it differs from the others."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    binding = len(text) - text.rfind("[")
    if text.endswith("]") and tail < binding <= width - 4:
        tail = binding
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"

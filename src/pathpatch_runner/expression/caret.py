"""Problems of a path expression, shown under the place in its text that they are about.

A *flaw* is a problem found while reading an expression, before it is known where the
expression stands; `error` adds the config key and draws the caret line.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathpatch_runner.errors import ExpressionError
from pathpatch_runner.expression.ast import Span


@dataclass(frozen=True)
class Flaw:
    """`what` is wrong, at `span`; `hint`: what is expected or allowed, and what to do."""

    what: str
    span: Span
    hint: str

    def error(self, text: str, where: str) -> ExpressionError:
        """The error for the expression `text` that stands at `where` (a config key, or "")."""
        shown = "".join(" " if character.isspace() else character for character in text)
        caret = " " * self.span.start + "^" * max(1, self.span.end - self.span.start)
        prefix = f"{where}: " if where else ""
        return ExpressionError(f"{prefix}{self.what}\n  {shown}\n  {caret}\n  {self.hint}")


def quoted(text: str, span: Span) -> str:
    """The part of the expression under the caret, in double quotes."""
    return f'"{" ".join(text[span.start : span.end].split())}"'

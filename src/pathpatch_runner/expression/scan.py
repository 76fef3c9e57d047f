"""A cursor over the text of an expression: the words of the language, and syntax errors.

White space between words means nothing. There is no separate list of tokens, because what
`-` is depends on what stands before it: `a0-2` is a range, `S1-1` an offset, `->` and `-[`
begin a link.
"""

from __future__ import annotations

import re

from pathpatch_runner.errors import ExpressionError
from pathpatch_runner.expression.ast import Span
from pathpatch_runner.expression.caret import Flaw

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
INTEGER = re.compile(r"[0-9]+")
_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[A-Za-z0-9_.*]+|->|=>|-\[|\S")


class Cursor:
    """`at`: index of the next character to read."""

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self.where = where
        self.at = 0

    def skip(self) -> int:
        """Move past white space; the new place."""
        space = _SPACE.match(self.text, self.at)
        assert space is not None
        self.at = space.end()
        return self.at

    def at_end(self) -> bool:
        """Whether nothing but white space is left."""
        return self.skip() == len(self.text)

    def sees(self, literal: str) -> bool:
        """Whether `literal` comes next."""
        return self.text.startswith(literal, self.skip())

    def accept(self, literal: str) -> bool:
        """Move past `literal` if it comes next."""
        if not self.sees(literal):
            return False
        self.at += len(literal)
        return True

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Move past what `pattern` matches here, if it does."""
        found = pattern.match(self.text, self.skip())
        if found is not None:
            self.at = found.end()
        return found

    def span(self, start: int) -> Span:
        """From `start` to the cursor."""
        return Span(start, self.at)

    def next_word(self) -> Span:
        """The word that comes next, or one place after the end of the text."""
        word = _WORD.match(self.text, self.skip())
        return Span(self.at, self.at + 1) if word is None else Span(*word.span())

    def unexpected(self, hint: str) -> ExpressionError:
        """The error for whatever comes next; `hint` says what could."""
        if self.at_end():
            end = len(self.text.rstrip())
            return self.error("the expression ends too early", Span(end, end + 1), hint)
        span = self.next_word()
        return self.error(f'unexpected "{self.text[span.start : span.end]}"', span, hint)

    def error(self, what: str, span: Span, hint: str) -> ExpressionError:
        """The error for a place in the text."""
        return Flaw(what, span, hint).error(self.text, self.where)

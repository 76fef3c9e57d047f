"""Texts with slots: `The{noun[number]} near the{place}`, and a word for every slot.

    {A}        the word of slot A
    {A.part}   a part of it, where words are mappings: {full: " 1732", short: "32"}
    {A[n]}     the part that the word of slot n names: {one: " key", many: " keys"}, n: one or many
    {{  }}     a brace itself

All else stands for itself, spaces and line breaks too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pathpatch_runner.dataset.record import Span
from pathpatch_runner.errors import DatasetError

SLOT = re.compile(r"\{([A-Za-z_]\w*)(?:\.(\w+)|\[([A-Za-z_]\w*)\])?\}")
PLAIN = re.compile(r"[^{}]+")
Word = str | Mapping[str, str | tuple[str, ...]]
"""A text, or texts by the name of the part; several texts of one part only serve as answers."""


@dataclass(frozen=True)
class Slot:
    """A slot as a text writes it: `{name}`, `{name.part}` or `{name[by]}`."""

    name: str
    part: str | None = None
    by: str | None = None

    def __str__(self) -> str:
        ending = f".{self.part}" if self.part else f"[{self.by}]" if self.by else ""
        return f"{{{self.name}{ending}}}"

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots whose words it takes."""
        return (self.name,) if self.by is None else (self.name, self.by)


Pieces = tuple[str | Slot, ...]


def pieces_of(text: str) -> Pieces:
    """The pieces of a text in order. Raises DatasetError for a brace that is none of the above."""
    return tuple(_pieces(text))


def _pieces(text: str) -> Iterator[str | Slot]:
    at = 0
    while at < len(text):
        if text[at : at + 2] in ("{{", "}}"):
            yield text[at]
            at += 2
        elif plain := PLAIN.match(text, at):
            yield plain[0]
            at = plain.end()
        elif slot := SLOT.match(text, at):
            yield Slot(*slot.groups())
            at = slot.end()
        else:
            raise DatasetError(
                f'a brace of "{text}" is not part of a slot (character {at + 1}): '
                f'"{text[at : at + 20]}". Slots are written {{name}}, {{name.part}} or '
                "{name[other]}, a brace itself {{ or }}"
            )


def word_texts(slot: Slot, words: Mapping[str, Word]) -> tuple[str, ...]:
    """What a slot says: one text, of an answer perhaps several."""
    word = words[slot.name]
    part = slot.part if slot.by is None else words[slot.by]
    if isinstance(word, str) and part is None:
        return (word,)
    # A corruption may put a word of another list here, with other parts.
    if isinstance(word, str) or not isinstance(part, str) or part not in word:
        raise DatasetError(f'slot "{slot}": {word!r} cannot stand there, it has other parts')
    found = word[part]
    return (found,) if isinstance(found, str) else found


def filled(pieces: Pieces, words: Mapping[str, Word]) -> tuple[str, dict[str, Span]]:
    """The text with a word in every slot, and where each slot's word stands in it (of a slot that
    occurs more than once, the last)."""
    text, spans = "", dict[str, Span]()
    for piece in pieces:
        if isinstance(piece, Slot):
            (word,) = word_texts(piece, words)
            spans[piece.name] = Span(len(text), len(text) + len(word))
            text += word
        else:
            text += piece
    return text, spans

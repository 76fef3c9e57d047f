"""Answers and distractors of a template, as functions of its slots.

"{A}"                                 a text with slots; of a part that lists several, each
["{A}", "{B}"]                        several, any of which counts
{words: digit, after: D}              the words of a list that come after the word of slot D;
                                      also `before`, `from` and `upto`, which hold D's word too
{words: name, but: [A, B]}            all words of a list but those of these slots
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pathpatch_runner.dataset.form import quoted
from pathpatch_runner.dataset.template_text import Pieces, Slot, Word, pieces_of, word_texts
from pathpatch_runner.errors import DatasetError, did_you_mean

ORDER = ("after", "before", "from", "upto")
FORMS = (
    "a text, a list of texts, {words: list, after: slot} (or before, from, upto) or "
    "{words: list, but: [slots]}"
)


@dataclass(frozen=True)
class Texts:
    """Texts with slots."""

    texts: tuple[Pieces, ...]

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots it takes words of."""
        return tuple(name for slot in self.written for name in slot.slots)

    @property
    def written(self) -> tuple[Slot, ...]:
        """The slots as the texts write them."""
        return tuple(piece for text in self.texts for piece in text if isinstance(piece, Slot))

    def of(self, words: Mapping[str, Word], lists: Mapping[str, tuple[Word, ...]]) -> list[str]:  # noqa: ARG002 - needs no lists
        """The answers for these words."""
        found: list[str] = []
        for pieces in self.texts:
            texts = [""]
            for piece in pieces:
                ends = word_texts(piece, words) if isinstance(piece, Slot) else (piece,)
                texts = [text + end for text in texts for end in ends]
            found += texts
        return found


@dataclass(frozen=True)
class Among:
    """Words of a list, chosen by where they stand to the words of slots. `how`: one of `ORDER`, or
    `but`."""

    words: str
    how: str
    slots: tuple[str, ...]

    written: tuple[Slot, ...] = ()

    def of(self, words: Mapping[str, Word], lists: Mapping[str, tuple[Word, ...]]) -> list[str]:
        """The answers for these words."""
        listed = [word for word in lists[self.words] if isinstance(word, str)]
        given = [words[slot] for slot in self.slots]
        if self.how == "but":
            found = [word for word in listed if word not in given]
        else:
            if given[0] not in listed:
                raise DatasetError(
                    f"{given[0]!r} of slot {self.slots[0]} is not among words.{self.words}, so "
                    f'nothing is "{self.how}" it'
                )
            at = listed.index(str(given[0]))
            found = {
                "after": listed[at + 1 :],
                "before": listed[:at],
                "from": listed[at:],
                "upto": listed[: at + 1],
            }[self.how]
        if not found:
            raise DatasetError(
                f"no word of words.{self.words} is {self.how} {', '.join(map(repr, given))}. "
                "Draw the slot from a shorter list"
            )
        return found


Answer = Texts | Among


def answer_of(value: Any) -> Answer:
    """The answer that a value of the file says. Raises DatasetError without the place."""
    if isinstance(value, str):
        return Texts((pieces_of(value),))
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        return Texts(tuple(pieces_of(text) for text in value))
    if isinstance(value, Mapping) and isinstance(value.get("words"), str) and len(value) == 2:
        (how,) = (key for key in value if key != "words")
        slots = value[how]
        if how in ORDER and isinstance(slots, str):
            return Among(value["words"], how, (slots,))
        if how == "but" and isinstance(slots, list) and slots and _are_texts(slots):
            return Among(value["words"], how, tuple(slots))
    raise DatasetError(f"must be {FORMS}, not {quoted(value)}")


def bad_list(answer: Answer, lists: Mapping[str, tuple[Word, ...]]) -> Iterator[str]:
    """A list of words that is not there, or whose words have parts."""
    if not isinstance(answer, Among):
        return
    name = answer.words
    if name not in lists:
        yield f'unknown list "{name}".{did_you_mean(name, lists)} Lists: {", ".join(lists)}'
    elif not all(isinstance(word, str) for word in lists[name]):
        yield f'the words of "{name}" have parts, and answers among them must be texts'


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)

"""Positions of a record: numbers, and words of a template found by their characters.

A word is found in the tokens of the whole text, as the model sees it: tokens of pieces of a text
need not be those of the whole. Space at the ends of a word or of its token does not count, since a
tokenizer may give the space before a word to either.
"""

from __future__ import annotations

from collections.abc import Mapping

from pathpatch_runner.dataset.form import quoted
from pathpatch_runner.dataset.pair import END
from pathpatch_runner.dataset.prompts import Tokenised, shown
from pathpatch_runner.dataset.record import Span, Word
from pathpatch_runner.errors import DatasetError


def positions_of(
    said: Mapping[str, int | Word], clean: Tokenised, corrupt: Tokenised
) -> tuple[dict[str, int], list[DatasetError]]:
    """(name -> position, what is wrong with the others). `end` is always among them."""
    length = len(clean.ids)
    found: dict[str, int] = {}
    problems: list[DatasetError] = []
    for name, position in said.items():
        try:
            if not isinstance(position, Word):
                found[name] = in_prompt(f'positions "{name}"', position, length)
            # In prompts of unequal length words stand at unequal positions: it would follow.
            elif length == len(corrupt.ids):
                found[name] = _of_word(name, position, clean, corrupt)
        except DatasetError as problem:
            problems.append(problem)
    if found.setdefault(END, length - 1) != length - 1:
        problems.append(
            DatasetError(
                f'positions "{END}": {said[END]} is not the last position ({length - 1}), which '
                f'"{END}" always is. Use another name'
            )
        )
    return found, problems


def in_prompt(key: str, position: int, length: int) -> int:
    """The position counted from 0. Raises DatasetError where it is outside the prompt."""
    if not -length <= position < length:
        raise DatasetError(
            f"{key}: {position} is not a position of a prompt of {length} tokens (0 to "
            f"{length - 1}, or negative from the end)"
        )
    return position % length


def _of_word(name: str, word: Word, clean: Tokenised, corrupt: Tokenised) -> int:
    position = _token_of(name, word.clean, clean)
    other = _token_of(name, word.corrupt, corrupt)
    if position != other:
        raise DatasetError(
            f'position "{name}" is {position} in the clean prompt and {other} in the corrupt one. '
            "Use words of equal token length before it"
        )
    return position


def _token_of(name: str, span: Span, prompt: Tokenised) -> int:
    """The position of the one token that is this word."""
    assert prompt.text is not None
    text = prompt.text[span.start : span.end]
    inner = Span(
        span.start + len(text) - len(text.lstrip()), span.end - len(text) + len(text.rstrip())
    )
    start, end = inner if inner.start < inner.end else span
    here = [i for i, at in enumerate(prompt.located) if at.start < end and start < at.end]
    if len(here) != 1:
        tokens = shown([prompt.ids[i] for i in here], prompt.tokenizer)
        raise DatasetError(
            f'{quoted(text)} at position "{name}" is {len(here)} tokens ({tokens}), and must be '
            "one, as it names a position"
        )
    at = prompt.located[here[0]]
    if prompt.text[at.start : start].strip() or prompt.text[end : at.end].strip():
        raise DatasetError(
            f'{quoted(text)} at position "{name}" runs together with the text around it in one '
            f"token ({quoted(prompt.text[at.start : at.end])})"
        )
    return here[0]

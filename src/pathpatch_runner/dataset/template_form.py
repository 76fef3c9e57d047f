"""The form of a file of templates: its keys, and values of the kinds that they ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pathpatch_runner.dataset.form import quoted
from pathpatch_runner.errors import unknown_key

KEYS = ("templates", "words", "slots", "answer", "distractor", "positions", "corruptions")
NEEDED = ("templates", "words", "slots", "corruptions")
NEW = ("new", "own")
"""Corruptions that draw a word: one for all slots that share it, or one for the slot alone."""


def malformed(data: Any) -> Iterator[str]:
    """Keys, and values that are not of the form the format asks for."""
    if not isinstance(data, Mapping):
        yield f"not a mapping with {', '.join(KEYS)}"
        return
    for key in data:
        if key not in KEYS:
            yield unknown_key("", str(key), KEYS)
    for key in NEEDED:
        if not data.get(key):
            yield f'lacks "{key}"'
    for key in ("templates", "positions"):
        if not _is_texts(data.get(key) or []):
            yield f"{key}: must be a list of texts"
    if not _is_text_map(data.get("slots") or {}):
        yield 'slots: must say a list of words, or "=" and a slot, for every slot'
    yield from _malformed_corruptions(data.get("corruptions") or {})
    yield from _malformed_words(data.get("words") or {})


def _malformed_corruptions(corruptions: Any) -> Iterator[str]:
    if not isinstance(corruptions, Mapping):
        yield "corruptions: must be a mapping of names to changes"
        return
    for name, changes in corruptions.items():
        if not isinstance(name, str):
            yield f"corruptions: {quoted(name)} is not text. Put it in quotes"
        if not changes or not _is_text_map(changes):
            yield f"corruptions.{name}: must say what happens to one slot or more"


def _malformed_words(words: Any) -> Iterator[str]:
    if not isinstance(words, Mapping):
        yield "words: must be a mapping of names to lists of words"
        return
    for name, listed in words.items():
        if not isinstance(name, str):
            yield f"words: {quoted(name)} is not text. Put it in quotes"
        if not isinstance(listed, list) or not listed:
            yield f"words.{name}: must be a list of words"
            continue
        for number, word in enumerate(listed):
            if not _is_word(word):
                # YAML reads an unquoted 01 as 1 and an unquoted yes as true.
                yield f"words.{name}: {word!r} is not text. Put it in quotes, as it is written"
            elif word in listed[:number]:
                yield f"words.{name}: {word!r} is listed twice"


def _is_word(word: Any) -> bool:
    if not isinstance(word, Mapping):
        return isinstance(word, str)
    return bool(word) and all(
        isinstance(part, str) and (isinstance(text, str) or (_is_texts(text) and bool(text)))
        for part, text in word.items()
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_text_map(value: Any) -> bool:
    return isinstance(value, Mapping) and _is_texts([*value, *value.values()])

"""Files of templates: read, and checked before any word is drawn.

The format is described in `template`. A check looks at the form first, then at the names, so
that a message never follows from an earlier one; the problems of one step are reported together.
A *root* is the slot that a slot's word is drawn for: itself, or what its `=` leads to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pathpatch_runner.dataset.aligned import read_text
from pathpatch_runner.dataset.pair import END
from pathpatch_runner.errors import DatasetError, did_you_mean, raise_together

SLOT = re.compile(r"\{([A-Za-z_]\w*)(?:\.(\w+))?\}")
KEYS = ("templates", "words", "slots", "answer", "distractor", "positions", "corruptions")
NEEDED = ("templates", "words", "slots", "corruptions")
NEW = ("new", "own")
"""Corruptions that draw a word: one for all slots that share it, or one for the slot alone."""
Word = str | Mapping[str, str]
"""A text, or texts by the name of the part."""


@dataclass(frozen=True)
class TemplateFile:
    """A file of templates, checked. `slots`: slot -> list name, or `=` and another slot."""

    name: str
    templates: tuple[str, ...]
    words: Mapping[str, tuple[Word, ...]]
    slots: Mapping[str, str]
    answer: str | None
    distractor: str | None
    positions: tuple[str, ...]
    corruptions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def root(self, slot: str) -> str:
        """The slot that a slot's word is drawn for."""
        while self.slots[slot].startswith("="):
            slot = self.slots[slot].removeprefix("=")
        return slot


def read_template_file(path: Path) -> TemplateFile:
    """Read and check a file. Raises DatasetError, or `Problems`, naming the keys."""
    data = _data(path)
    raise_together([DatasetError(f"{path.name}: {what}") for what in _malformed(data)])
    file = TemplateFile(
        name=path.stem,
        templates=tuple(data["templates"]),
        words={name: tuple(words) for name, words in data["words"].items()},
        slots=dict(data["slots"]),
        answer=data.get("answer"),
        distractor=data.get("distractor"),
        positions=tuple(data.get("positions") or ()),
        corruptions=dict(data["corruptions"]),
    )
    for step in (_bad_slots, _bad_references, _bad_parts):
        raise_together([DatasetError(f"{path.name}: {what}") for what in step(file)])
    return file


def _data(path: Path) -> dict[str, Any]:
    text = read_text(path)
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DatasetError(f"{path.name}: not YAML: {error}") from error
    if not isinstance(data, dict):
        raise DatasetError(f"{path.name}: not a mapping with {', '.join(KEYS)}")
    return data


def _malformed(data: Mapping[str, Any]) -> Iterator[str]:
    """Keys, and values that are not of the form the format asks for."""
    for key in data:
        if key not in KEYS:
            yield (f'unknown key "{key}".{did_you_mean(str(key), KEYS)} Allowed: {", ".join(KEYS)}')
    for key in NEEDED:
        if not data.get(key):
            yield f'lacks "{key}"'
    for key in ("templates", "positions"):
        if not _is_texts(data.get(key) or []):
            yield f"{key}: must be a list of texts"
    for key in ("answer", "distractor"):
        if not isinstance(data.get(key), str | None):
            yield f"{key}: must be text, not {data[key]!r}"
    if not _is_text_map(data.get("slots") or {}):
        yield 'slots: must say a list of words, or "=" and a slot, for every slot'
    corruptions = data.get("corruptions") or {}
    if not isinstance(corruptions, dict):
        yield "corruptions: must be a mapping of names to changes"
    else:
        for name, changes in corruptions.items():
            if not changes or not _is_text_map(changes):
                yield f"corruptions.{name}: must say what happens to one slot or more"
    words = data.get("words") or {}
    if not isinstance(words, dict):
        yield "words: must be a mapping of names to lists of words"
    else:
        for name, listed in words.items():
            yield from _malformed_words(f"words.{name}", listed)


def _malformed_words(key: str, listed: Any) -> Iterator[str]:
    if not isinstance(listed, list) or not listed:
        yield f"{key}: must be a list of words"
        return
    for number, word in enumerate(listed):
        if not isinstance(word, str) and not _is_text_map(word):
            # YAML reads an unquoted 01 as 1 and an unquoted yes as true.
            yield f"{key}: {word!r} is not text. Put it in quotes, as it is to be written"
        elif word in listed[:number]:
            yield f"{key}: {word!r} is listed twice"


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_text_map(value: Any) -> bool:
    return isinstance(value, dict) and _is_texts([*value, *value.values()])


def _bad_slots(file: TemplateFile) -> Iterator[str]:
    """Slots whose word comes from nowhere."""
    for slot, source in file.slots.items():
        allowed = [f"={other}" for other in file.slots if other != slot] + list(file.words)
        if source not in allowed:
            yield (
                f'slots.{slot}: "{source}" is neither a list of words nor "=" and a slot.'
                f"{did_you_mean(source, allowed)} Allowed: {', '.join(allowed)}"
            )
            continue
        chain = [slot]
        while file.slots.get(chain[-1], "").startswith("="):
            chain.append(file.slots[chain[-1]].removeprefix("="))
            if chain[-1] == slot:
                yield (
                    f"slots.{slot}: {' = '.join(chain)} goes round in a circle. One of them must "
                    "name a list of words"
                )
            if chain[-1] in chain[:-1]:
                break


def _texts(file: TemplateFile) -> Iterator[tuple[str, str]]:
    """(key, text) of every text with slots in it."""
    yield from (("templates", text) for text in file.templates)
    for key, text in (("answer", file.answer), ("distractor", file.distractor)):
        if text is not None:
            yield key, text


def _bad_references(file: TemplateFile) -> Iterator[str]:
    """Names of slots that do not exist, and positions that are not one place."""
    slots = ", ".join(file.slots)
    used = [(key, slot) for key, text in _texts(file) for slot, _ in SLOT.findall(text)]
    for key, slot in dict.fromkeys(used + [("positions", slot) for slot in file.positions]):
        if slot not in file.slots:
            yield (f'{key}: unknown slot "{slot}".{did_you_mean(slot, file.slots)} Slots: {slots}')
    for key, text in _texts(file):
        if re.search(r"[{}]", SLOT.sub("", text)):
            yield f'{key}: a brace of "{text}" is not part of a slot. Slots are written {{name}}'
    for slot in file.positions:
        if slot == END:
            yield f'positions: "{END}" is the last position already. Give the slot another name'
        for text in file.templates:
            if [name for name, _ in SLOT.findall(text)].count(slot) > 1:
                yield (
                    f'positions: "{slot}" occurs more than once in "{text}". Give each place a '
                    f'slot of its own (slots: {{{slot}_2: "={slot}"}})'
                )
    for name, changes in file.corruptions.items():
        for slot, change in changes.items():
            known = change in NEW or (change[:1] == "=" and change[1:] in file.slots)
            if slot not in file.slots or not known:
                yield (
                    f'corruptions.{name}: "{slot}: {change}" must be a slot, and new, own or "=" '
                    f"and a slot. Slots: {slots}"
                )


def _bad_parts(file: TemplateFile) -> Iterator[str]:
    """`{slot.part}` for words without that part, `{slot}` for words that have parts."""
    used = [(key, *found) for key, text in _texts(file) for found in SLOT.findall(text)]
    for key, slot, part in dict.fromkeys(used):
        name = file.slots[file.root(slot)]
        for word in file.words[name]:
            if isinstance(word, str) and part:
                yield f'{key}: "{{{slot}.{part}}}": {word!r} of words.{name} has no parts'
                break
            if not isinstance(word, str) and part not in word:
                said = f"{slot}.{part}" if part else slot
                yield (
                    f'{key}: "{{{said}}}": {word!r} of words.{name} has the parts {", ".join(word)}'
                )
                break

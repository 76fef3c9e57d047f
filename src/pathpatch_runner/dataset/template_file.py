"""Files of templates: read, and checked before any word is drawn.

The format is described in `docs/templates.md`. A check looks at the form first (`template_form`),
then at the names, so that a message never follows from an earlier one; the problems of one step are
reported together. A *root* is the slot that a slot's word is drawn for: itself, or what its `=`
leads to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pathpatch_runner.dataset.pair import END
from pathpatch_runner.dataset.template_answers import Answer, Texts, answer_of, bad_list
from pathpatch_runner.dataset.template_form import NEW, malformed
from pathpatch_runner.dataset.template_text import Pieces, Slot, Word, pieces_of
from pathpatch_runner.errors import DatasetError, did_you_mean, raise_together
from pathpatch_runner.reading import parse_yaml, read_text


@dataclass(frozen=True)
class TemplateFile:
    """A file of templates, checked. `slots`: slot -> list name, or `=` and another slot."""

    name: str
    templates: tuple[Pieces, ...]
    words: Mapping[str, tuple[Word, ...]]
    slots: Mapping[str, str]
    answer: Answer | None
    distractor: Answer | None
    positions: tuple[str, ...]
    corruptions: Mapping[str, Mapping[str, str]]

    def root(self, slot: str) -> str:
        """The slot that a slot's word is drawn for."""
        while self.slots[slot].startswith("="):
            slot = self.slots[slot].removeprefix("=")
        return slot

    def words_of(self, slot: str) -> tuple[Word, ...]:
        """The list that a slot's word is drawn from."""
        return self.words[self.slots[self.root(slot)]]

    @property
    def answers(self) -> dict[str, Answer]:
        """`answer` and `distractor`, where the file says them."""
        said = {"answer": self.answer, "distractor": self.distractor}
        return {key: value for key, value in said.items() if value is not None}


def read_template_file(path: Path) -> TemplateFile:
    """Read and check a file. Raises DatasetError, or `Problems`, naming the keys."""
    name = path.name
    data = parse_yaml(read_text(path, "dataset.path", DatasetError), name, DatasetError)
    _refuse(name, malformed(data))
    file = _file(path, data)
    for step in (_bad_slots, _bad_references, _bad_positions, _bad_corruptions, _bad_parts):
        _refuse(name, step(file))
    return file


def _refuse(name: str, problems: Iterator[str]) -> None:
    raise_together([DatasetError(f"{name}: {what}") for what in problems])


def _file(path: Path, data: Mapping[str, Any]) -> TemplateFile:
    problems: list[DatasetError] = []

    def parsed(key: str, parse: Any, value: Any) -> Any:
        try:
            return parse(value)
        except DatasetError as problem:
            problems.append(DatasetError(f"{path.name}: {key}: {problem}"))
            return None

    templates = tuple(parsed("templates", pieces_of, text) for text in data["templates"])
    answers = {
        key: parsed(key, answer_of, data[key]) if data.get(key) is not None else None
        for key in ("answer", "distractor")
    }
    raise_together(problems)
    return TemplateFile(
        name=path.stem,
        templates=templates,
        words={name: tuple(map(_word, words)) for name, words in data["words"].items()},
        slots=dict(data["slots"]),
        positions=tuple(data.get("positions") or ()),
        corruptions=dict(data["corruptions"]),
        **answers,
    )


def _word(word: Any) -> Word:
    if isinstance(word, str):
        return word
    return {part: text if isinstance(text, str) else tuple(text) for part, text in word.items()}


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


def _written(file: TemplateFile) -> Iterator[tuple[str, Slot]]:
    """(key, slot) of every slot that a text writes."""
    for text in file.templates:
        yield from (("templates", piece) for piece in text if isinstance(piece, Slot))
    for key, answer in file.answers.items():
        yield from ((key, slot) for slot in answer.written)


def _bad_references(file: TemplateFile) -> Iterator[str]:
    """Names of slots and lists that do not exist."""
    used = [(key, name) for key, slot in _written(file) for name in slot.slots]
    used += [(key, name) for key, answer in file.answers.items() for name in answer.slots]
    used += [("positions", name) for name in file.positions]
    for key, name in dict.fromkeys(used):
        if name not in file.slots:
            near = did_you_mean(name, file.slots)
            yield f'{key}: unknown slot "{name}".{near} Slots: {", ".join(file.slots)}'
    for key, answer in file.answers.items():
        yield from (f"{key}: {what}" for what in bad_list(answer, file.words))


def _bad_positions(file: TemplateFile) -> Iterator[str]:
    """Positions that are not one place of every prompt."""
    for slot in file.positions:
        if slot == END:
            yield f'positions: "{END}" is the last position already. Give the slot another name'
        for text in file.templates:
            names = [piece.name for piece in text if isinstance(piece, Slot)]
            said = "".join(str(piece) for piece in text)
            if slot not in names:
                yield f'positions: "{slot}" does not occur in "{said}", and every pair must have it'
            elif names.count(slot) > 1:
                yield (
                    f'positions: "{slot}" occurs more than once in "{said}". Give each place a '
                    f'slot of its own (slots: {{{slot}_2: "={slot}"}})'
                )


def _bad_corruptions(file: TemplateFile) -> Iterator[str]:
    for name, changes in file.corruptions.items():
        for slot, change in changes.items():
            known = change in NEW or (change[:1] == "=" and change[1:] in file.slots)
            if slot not in file.slots or not known:
                yield (
                    f'corruptions.{name}: "{slot}: {change}" must be a slot, and new, own or "=" '
                    f"and a slot. Slots: {', '.join(file.slots)}"
                )


def _bad_parts(file: TemplateFile) -> Iterator[str]:
    """Slots written with a part that a word has not, or without one where words have parts."""
    for key, slot in dict.fromkeys(_written(file)):
        name = file.slots[file.root(slot.name)]
        parts: list[Any] = [slot.part]
        if slot.by is not None:
            parts = list(file.words_of(slot.by))
            unfit = next((part for part in parts if not isinstance(part, str)), None)
            if unfit is not None:
                yield f'{key}: "{slot}": {unfit!r} of slot {slot.by} is no name of a part'
                continue
        found = (_bad_part(word, part, name) for word in file.words[name] for part in parts)
        wrong = next((what for what in found if what), None)
        if wrong:
            yield f'{key}: "{slot}": {wrong}'
        elif key == "templates" or isinstance(file.answers.get(key), Texts):
            yield from _several(file, key, slot, parts)


def _bad_part(word: Word, part: str | None, name: str) -> str | None:
    if isinstance(word, str):
        return f"{word!r} of words.{name} has no parts" if part else None
    if part in word:
        return None
    return f"{dict(word)!r} of words.{name} has the parts {', '.join(word)}"


def _several(file: TemplateFile, key: str, slot: Slot, parts: list[Any]) -> Iterator[str]:
    """A part of several texts in a prompt."""
    words = [word for word in file.words_of(slot.name) if isinstance(word, Mapping)]
    lists = any(isinstance(word[part], tuple) for word in words for part in parts)
    if lists and key == "templates":
        yield f'{key}: "{slot}" stands for several texts. Only answers and distractors may'

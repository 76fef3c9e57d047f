"""Sentences from templates and word lists, with named positions (`docs/templates.md`).

    templates: ["Then,{IO} and{S1} went to the{place}.{S2} gave a{object} to"]
    words: {name: [" Mary", " John", ...], place: [" store", ...], object: [" ring", ...]}
    slots: {IO: name, S1: name, S2: "=S1", place: place, object: object}
    answer: "{IO}"                    # the token after the prompt
    distractor: "{S1}"
    positions: [IO, S1, S2]           # slots that name a position, so their words are one token
    corruptions:
      abc: {IO: new, S1: new, S2: own}      # another word of the slot's list; own: not shared
      s2_swap: {S2: "=IO"}                  # the word of another slot

Words drawn for slots of one list differ within a prompt, in both prompts together where a
corruption draws new ones. Templates are used in turn, so that every one is used equally often;
draws are seeded by the pair's number. Under several corruptions every sentence stands under each
of them in turn.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from pathpatch_runner.config import DatasetConfig, file_field
from pathpatch_runner.dataset.form import quoted
from pathpatch_runner.dataset.kind import Context, DatasetKind
from pathpatch_runner.dataset.record import Record, Target, Word
from pathpatch_runner.dataset.template_file import TemplateFile, read_template_file
from pathpatch_runner.dataset.template_text import Word as ListedWord
from pathpatch_runner.dataset.template_text import filled
from pathpatch_runner.errors import DatasetError, PathPatchError, did_you_mean

Words = Mapping[str, ListedWord]
"""Slot -> its word."""


@dataclass
class TemplateDatasetConfig(DatasetConfig):
    """Prompts from a YAML file of templates and word lists with named positions. `corruption`: one
    of the file's, or a list of them, which every sentence then stands under in turn; null where
    the file has one only."""

    kind: str = "template"
    path: str = file_field()
    n_pairs: int | None = 64
    corruption: Any = None


class Template(DatasetKind):
    """Pairs of the file's templates under its corruptions. With several, the id of a pair says
    which: `0:abc`, `0:s2_swap`, `1:abc`, ..."""

    Config = TemplateDatasetConfig
    told_by_files = True
    endless = True

    def check(self) -> None:
        """The file can be read, and has the corruptions that are named."""
        _corruptions(read_template_file(self.path), self.config.corruption)

    def records(self, context: Context) -> Iterator[Record | PathPatchError]:
        """Texts; as many as are asked for."""
        if context.tokenizer is None:
            raise DatasetError("dataset: template needs a tokenizer, and the model has none")
        file = read_template_file(self.path)
        corruptions = _corruptions(file, self.config.corruption)
        for number in count():
            for name in corruptions:
                pair_id = str(number) if len(corruptions) == 1 else f"{number}:{name}"
                try:
                    yield _record(file, file.corruptions[name], self.seed, number, pair_id)
                except DatasetError as problem:
                    yield DatasetError(f"{self.path.name}: corruptions.{name}: {problem}")


def _corruptions(file: TemplateFile, said: Any) -> list[str]:
    """The names of the corruptions that the config chooses."""
    names = list(file.corruptions)
    if said is None and len(names) == 1:
        return names
    chosen = [said] if isinstance(said, str) else list(said) if isinstance(said, list) else []
    if not chosen:
        what = "which one is not said" if said is None else f"{quoted(said)} names none"
        raise DatasetError(f"dataset.corruption: {what}. {file.name} has: {', '.join(names)}")
    for name in chosen:
        if name not in names:
            raise DatasetError(
                f'dataset.corruption: unknown corruption "{name}".{did_you_mean(str(name), names)} '
                f"{file.name} has: {', '.join(names)}"
            )
        if chosen.count(name) > 1:
            raise DatasetError(f'dataset.corruption: "{name}" is named twice')
    return chosen


def _record(
    file: TemplateFile, corruption: Mapping[str, str], seed: int, number: int, pair_id: str
) -> Record:
    generator = random.Random(f"template/{seed}/{number}")
    template = file.templates[number % len(file.templates)]
    clean_words, corrupt_words = _draw(file, corruption, generator)
    clean, spans = filled(template, clean_words)
    corrupt, others = filled(template, corrupt_words)
    answers, distractors = (
        tuple(answer.of(clean_words, file.words)) if answer else ()
        for answer in (file.answer, file.distractor)
    )
    return Record(
        f"dataset {file.name}, pair {pair_id}",
        clean,
        corrupt,
        targets=(Target(-1, answers, distractors),),
        positions={name: Word(spans[name], others[name]) for name in file.positions},
        pair_id=pair_id,
    )


def _draw(
    file: TemplateFile, corruption: Mapping[str, str], generator: random.Random
) -> tuple[Words, Words]:
    """Words of all slots, for the clean and the corrupt prompt."""
    left = {name: generator.sample(words, len(words)) for name, words in file.words.items()}

    def fresh(slot: str) -> ListedWord:
        source = file.slots[slot]
        if not left[source]:
            raise DatasetError(f"words.{source}: too few words for the slots that draw from it")
        return left[source].pop()

    drawn = {slot: fresh(slot) for slot, source in file.slots.items() if source[0] != "="}
    clean = {slot: drawn[file.root(slot)] for slot in file.slots}
    renewed: dict[str, ListedWord] = {}
    corrupt = dict(clean)
    for slot, change in corruption.items():
        if change == "own":
            corrupt[slot] = fresh(file.root(slot))
        elif change == "new":
            root = file.root(slot)
            if root not in renewed:
                renewed[root] = fresh(root)
            corrupt[slot] = renewed[root]
        else:
            corrupt[slot] = clean[change.removeprefix("=")]
    return clean, corrupt

"""Sentences from templates and word lists, with named positions.

A file of templates (YAML):

    templates: ["Then,{IO} and{S1} went to the{place}.{S2} gave a{object} to"]
    words: {name: [" Mary", " John", ...], place: [" store", ...], object: [" ring", ...]}
    slots: {IO: name, S1: name, S2: "=S1", place: place, object: object}
    answer: "{IO}"                    # text of one token; slots in braces
    distractor: "{S1}"
    positions: [IO, S1, S2]           # slots that name a position: that of their last token
    corruptions:
      abc: {IO: new, S1: new, S2: own}      # another word of the slot's list; own: not shared
      s2_swap: {S2: "=IO"}                  # the word of another slot

Words drawn for slots of one list differ within a prompt, in both prompts together where a
corruption draws new ones. A word may be a mapping of texts (`{full: " 1732", short: "32"}`), of
which slots use a part: `{year.full}`. Templates are used in turn, so that every one is used
equally often; draws are seeded by the pair's number.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pathpatch_runner.config import TemplateDatasetConfig
from pathpatch_runner.dataset.aligned import pair_problems, raise_some, single_token
from pathpatch_runner.dataset.pair import END, Pair, PairSet, Point
from pathpatch_runner.errors import DatasetError, did_you_mean
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.tokenizer import Tokenizer

SLOT = re.compile(r"\{([A-Za-z_]\w*)(?:\.(\w+))?\}")
KEYS = ("templates", "words", "slots", "answer", "distractor", "positions", "corruptions")
NEW = ("new", "own")
"""Corruptions that draw a word: one for all slots that share it, or one for the slot alone."""
Word = Any
"""A text, or a mapping of texts."""


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


def load_template(
    config: TemplateDatasetConfig,
    tokenizer: Tokenizer | None,
    shape: ModelShape | None,
    seed: int,
) -> PairSet:
    """`n_pairs` pairs of the file's templates under one of its corruptions."""
    if tokenizer is None:
        raise DatasetError("dataset: template needs a tokenizer, and the model has none")
    if config.n_pairs is None or config.n_pairs < 1:
        raise DatasetError(f"dataset.n_pairs: {config.n_pairs} is not a number of pairs above 0")
    file = read_template_file(Path(config.path))
    corruption = _corruption(file, config.corruption)
    pairs: list[Pair] = []
    problems: list[DatasetError] = []
    for number in range(config.n_pairs):
        try:
            pairs.append(_pair(file, corruption, tokenizer, shape, seed, number))
        except DatasetError as error:
            problems.append(error)
    raise_some(_distinct(problems))
    return PairSet(file.name, tuple(pairs))


def read_template_file(path: Path) -> TemplateFile:
    """Read and check a file. Raises DatasetError naming the key that is wrong."""
    if not path.is_file():
        raise DatasetError(f'dataset.path: no file "{path}"')
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise DatasetError(f"{path.name}: not YAML: {error}") from error
    if not isinstance(data, dict):
        raise DatasetError(f"{path.name}: not a mapping with {', '.join(KEYS)}")
    for key in data:
        if key not in KEYS:
            raise DatasetError(
                f'{path.name}: unknown key "{key}".{did_you_mean(str(key), KEYS)} '
                f"Allowed: {', '.join(KEYS)}"
            )
    for key in ("templates", "words", "slots", "corruptions"):
        if not data.get(key):
            raise DatasetError(f'{path.name}: lacks "{key}"')
    file = TemplateFile(
        name=path.stem,
        templates=tuple(data["templates"]),
        words={name: tuple(words) for name, words in data["words"].items()},
        slots=dict(data["slots"]),
        answer=data.get("answer"),
        distractor=data.get("distractor"),
        positions=tuple(data.get("positions", ())),
        corruptions=dict(data["corruptions"]),
    )
    _check(path.name, file)
    return file


def _check(where: str, file: TemplateFile) -> None:
    for slot, source in file.slots.items():
        allowed = [f"={other}" for other in file.slots if other != slot] + list(file.words)
        if source not in allowed:
            raise DatasetError(
                f'{where}: slots.{slot}: "{source}" is neither a list of words nor "=" and a slot.'
                f"{did_you_mean(source, allowed)} Allowed: {', '.join(allowed)}"
            )
    texts = [("templates", text) for text in file.templates]
    texts += [(key, text) for key in ("answer", "distractor") if (text := getattr(file, key))]
    texts += [("positions", f"{{{slot}}}") for slot in file.positions]
    for key, text in texts:
        for slot, _ in SLOT.findall(text):
            if slot not in file.slots:
                raise DatasetError(
                    f'{where}: {key}: unknown slot "{slot}".{did_you_mean(slot, file.slots)} '
                    f"Slots: {', '.join(file.slots)}"
                )
    for name, changes in file.corruptions.items():
        for slot, change in changes.items():
            known = change in NEW or change.removeprefix("=") in file.slots
            if slot not in file.slots or not known:
                raise DatasetError(
                    f'{where}: corruptions.{name}: "{slot}: {change}" must be a slot, and new, own '
                    f'or "=" and a slot. Slots: {", ".join(file.slots)}'
                )


def _corruption(file: TemplateFile, name: str | None) -> Mapping[str, str]:
    names = list(file.corruptions)
    if name is None and len(names) == 1:
        return file.corruptions[names[0]]
    if name is None or name not in file.corruptions:
        what = "which one is not said" if name is None else f'unknown corruption "{name}"'
        raise DatasetError(
            f"dataset.corruption: {what}.{did_you_mean(name or '', names)} "
            f"{file.name} has: {', '.join(names)}"
        )
    return file.corruptions[name]


def _pair(
    file: TemplateFile,
    corruption: Mapping[str, str],
    tokenizer: Tokenizer,
    shape: ModelShape | None,
    seed: int,
    number: int,
) -> Pair:
    generator = random.Random(f"template/{seed}/{number}")
    template = file.templates[number % len(file.templates)]
    clean_words, corrupt_words = _draw(file, corruption, generator)
    where = f"dataset {file.name}, pair {number}"
    clean, positions = _prompt(file, template, clean_words, tokenizer, where)
    corrupt, others = _prompt(file, template, corrupt_words, tokenizer, where)
    problems = pair_problems(where, clean, corrupt, tokenizer, shape)
    if problems:
        raise problems[0]
    if positions != others:
        raise DatasetError(
            f"{where}: the named positions differ between clean and corrupt: {positions} and "
            f"{others}. Use words of equal token length"
        )
    tokens = [
        single_token(f"{where}: {key}", _fill(text, clean_words), tokenizer)
        if (text := getattr(file, key)) is not None
        else None
        for key in ("answer", "distractor")
    ]
    return Pair(str(number), clean, corrupt, (Point(len(clean) - 1, *tokens),), positions)


def _draw(
    file: TemplateFile, corruption: Mapping[str, str], generator: random.Random
) -> tuple[dict[str, Word], dict[str, Word]]:
    """Words of all slots, for the clean and the corrupt prompt."""
    left = {name: generator.sample(words, len(words)) for name, words in file.words.items()}

    def fresh(slot: str) -> Word:
        source = file.slots[slot]
        if not left[source]:
            raise DatasetError(
                f"{file.name}: words.{source}: too few words for the slots that draw from it"
            )
        return left[source].pop()

    drawn = {slot: fresh(slot) for slot, source in file.slots.items() if source[0] != "="}
    clean = {slot: drawn[_root(file, slot)] for slot in file.slots}
    renewed: dict[str, Word] = {}
    corrupt = dict(clean)
    for slot, change in corruption.items():
        if change == "own":
            corrupt[slot] = fresh(_root(file, slot))
        elif change == "new":
            root = _root(file, slot)
            if root not in renewed:
                renewed[root] = fresh(root)
            corrupt[slot] = renewed[root]
        else:
            corrupt[slot] = clean[change.removeprefix("=")]
    return clean, corrupt


def _root(file: TemplateFile, slot: str) -> str:
    """The slot that a slot's word is drawn for."""
    while file.slots[slot].startswith("="):
        slot = file.slots[slot].removeprefix("=")
    return slot


def _fill(text: str, words: Mapping[str, Word]) -> str:
    return SLOT.sub(lambda match: _text(words, match), text)


def _text(words: Mapping[str, Word], match: re.Match[str]) -> str:
    word = words[match[1]]
    if isinstance(word, Mapping):
        if match[2] not in word:
            raise DatasetError(
                f'slot "{match[0]}": its words have the parts {", ".join(map(str, word))}'
            )
        return str(word[match[2]])
    return str(word)


def _prompt(
    file: TemplateFile,
    template: str,
    words: Mapping[str, Word],
    tokenizer: Tokenizer,
    where: str,
) -> tuple[tuple[int, ...], dict[str, int]]:
    """Token ids, and the position of the last token of every slot that names one."""
    ids = tuple(tokenizer.encode(_fill(template, words)))
    positions = {END: len(ids) - 1}
    for match in SLOT.finditer(template):
        if match[1] not in file.positions:
            continue
        before = tokenizer.encode(_fill(template[: match.end()], words))
        if tuple(before) != ids[: len(before)]:
            raise DatasetError(
                f'{where}: the tokens around slot "{match[0]}" run together: '
                f"{tokenizer.decode(before)!r} is tokenised otherwise when text follows"
            )
        positions[match[1]] = len(before) - 1
    return ids, positions


def _distinct(problems: list[DatasetError]) -> list[DatasetError]:
    """Problems without repeats of the same message."""
    return list({str(problem): problem for problem in problems}.values())

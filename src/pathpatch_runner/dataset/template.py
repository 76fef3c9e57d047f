"""Sentences from templates and word lists, with named positions.

A file of templates (YAML):

    templates: ["Then,{IO} and{S1} went to the{place}.{S2} gave a{object} to"]
    words: {name: [" Mary", " John", ...], place: [" store", ...], object: [" ring", ...]}
    slots: {IO: name, S1: name, S2: "=S1", place: place, object: object}
    answer: "{IO}"                    # text of one token; slots in braces
    distractor: "{S1}"
    positions: [IO, S1, S2]           # slots that name a position, so their words are one token
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
from pathlib import Path

from pathpatch_runner.config import TemplateDatasetConfig
from pathpatch_runner.dataset.aligned import (
    asked_pairs,
    pair_problems,
    raise_some,
    shown,
    single_token,
)
from pathpatch_runner.dataset.pair import END, Pair, PairSet, Point
from pathpatch_runner.dataset.template_file import SLOT, TemplateFile, Word, read_template_file
from pathpatch_runner.errors import DatasetError, did_you_mean
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.tokenizer import Tokenizer


def load_template(
    config: TemplateDatasetConfig,
    tokenizer: Tokenizer | None,
    shape: ModelShape | None,
    seed: int,
) -> PairSet:
    """`n_pairs` pairs of the file's templates under one of its corruptions."""
    if tokenizer is None:
        raise DatasetError("dataset: template needs a tokenizer, and the model has none")
    n_pairs = asked_pairs(config.n_pairs)
    file = read_template_file(Path(config.path))
    corruption = _corruption(file, config.corruption)
    pairs: list[Pair] = []
    problems: list[DatasetError] = []
    for number in range(n_pairs):
        try:
            pairs.append(_pair(file, corruption, tokenizer, shape, seed, number))
        except DatasetError as error:
            problems.append(error)
    raise_some(_distinct(problems))
    return PairSet(file.name, tuple(pairs))


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
        (single_token(f"{where}: {key}", _fill(text, clean_words), tokenizer),)
        if (text := getattr(file, key)) is not None
        else ()
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
    clean = {slot: drawn[file.root(slot)] for slot in file.slots}
    renewed: dict[str, Word] = {}
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


def _fill(text: str, words: Mapping[str, Word]) -> str:
    return SLOT.sub(lambda match: _text(words, match), text)


def _text(words: Mapping[str, Word], match: re.Match[str]) -> str:
    word = words[match[1]]
    if isinstance(word, str) and match[2] is None:
        return word
    # A corruption may put a word of another list here, with other parts.
    if isinstance(word, str) or match[2] not in word:
        raise DatasetError(f'slot "{match[0]}": {word!r} cannot stand there, it has other parts')
    return word[match[2]]


def _prompt(
    file: TemplateFile,
    template: str,
    words: Mapping[str, Word],
    tokenizer: Tokenizer,
    where: str,
) -> tuple[tuple[int, ...], dict[str, int]]:
    """Token ids, and the position of every slot that names one."""
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
        # A space before the slot belongs to the slot's token.
        start = len(tokenizer.encode(_fill(template[: match.start()], words).rstrip()))
        if len(before) != start + 1:
            raise DatasetError(
                f'{where}: "{_fill(match[0], words)}" in slot "{match[0]}" is '
                f"{len(before) - start} tokens ({shown(before[start:], tokenizer)}), and must be "
                "one, as the slot names a position"
            )
        positions[match[1]] = len(before) - 1
    return ids, positions


def _distinct(problems: list[DatasetError]) -> list[DatasetError]:
    """Problems without repeats of the same message."""
    return list({str(problem): problem for problem in problems}.values())

"""A record: one pair as its source says it, before anything is tokenised.

Prompts are texts or token ids, answers texts or token ids, positions numbers (negative from the
end) or, where a template knows them, the characters of the texts that they stand for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Prompt = str | tuple[int, ...]
Token = str | int
"""A text that must be one token where it stands, or a token id."""


class Span(NamedTuple):
    """Characters `start:end` of a text."""

    start: int
    end: int


class Word(NamedTuple):
    """Where the word that names a position stands in the two texts of a record."""

    clean: Span
    corrupt: Span


@dataclass(frozen=True)
class Target:
    """A position at which the output is read, and which tokens are asked for there. The token is
    the one that follows the prompt up to there, so an answer at -1 is what comes next. `drawn`: the
    distractors are drawn at random, so that one may be an answer by chance; else that is refused.
    """

    position: int
    answers: tuple[Token, ...] = ()
    distractors: tuple[Token, ...] = ()
    drawn: bool = False


@dataclass(frozen=True)
class Record:
    """`where`: what messages call it, `file:line` of a file. `targets`: at least one."""

    where: str
    clean: Prompt
    corrupt: Prompt
    targets: tuple[Target, ...] = (Target(-1),)
    positions: Mapping[str, int | Word] = field(default_factory=dict)
    pair_id: str | None = None

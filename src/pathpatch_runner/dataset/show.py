"""Pairs as the program understood them, for people: token by token.

A *column* is one position of a pair: its clean and its corrupt token, the names it has, and what is
read there. Tokens are made visible (`prompts.visible`), a space as `·`. Nothing here needs weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pathpatch_runner.dataset.pair import Pair, PairSet
from pathpatch_runner.dataset.prompts import visible
from pathpatch_runner.model.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pandas as pd

SPACE = "·"
COLUMNS = (
    *("pair_id", "position", "names", "clean", "corrupt", "differs", "answers", "distractors"),
    *("clean_id", "corrupt_id"),
)


@dataclass(frozen=True)
class Column:
    """One position of a pair. `answers`, `distractors`: texts; None where nothing is read here."""

    position: int
    names: tuple[str, ...]
    clean: str
    corrupt: str
    clean_id: int
    corrupt_id: int
    answers: tuple[str, ...] | None = None
    distractors: tuple[str, ...] | None = None

    @property
    def differs(self) -> bool:
        """Whether the two prompts have different tokens here."""
        return self.clean_id != self.corrupt_id


def columns_of(pair: Pair, tokenizer: Tokenizer | None) -> tuple[Column, ...]:
    """All positions of a pair, in order."""
    names: dict[int, list[str]] = {}
    for name, position in pair.positions.items():
        names.setdefault(position, []).append(name)
    points = {point.position: point for point in pair.points}

    def said(tokens: Sequence[int]) -> tuple[str, ...]:
        return tuple(token_shown(token, tokenizer) for token in tokens)

    return tuple(
        Column(
            position,
            tuple(names.get(position, ())),
            token_shown(clean, tokenizer),
            token_shown(corrupt, tokenizer),
            clean,
            corrupt,
            said(points[position].answers) if position in points else None,
            said(points[position].distractors) if position in points else None,
        )
        for position, (clean, corrupt) in enumerate(zip(pair.clean, pair.corrupt, strict=True))
    )


def pairs_table(pairs: PairSet, tokenizer: Tokenizer | None) -> pd.DataFrame:
    """One row for every position of every pair; `names`, `answers` and `distractors` are lists,
    the last two None where nothing is read."""
    import pandas as pd

    return pd.DataFrame(list(_rows(pairs, tokenizer)), columns=list(COLUMNS))


def _rows(pairs: PairSet, tokenizer: Tokenizer | None) -> Iterator[tuple[object, ...]]:
    for pair in pairs.pairs:
        for column in columns_of(pair, tokenizer):
            answers, distractors = (
                None if tokens is None else list(tokens)
                for tokens in (column.answers, column.distractors)
            )
            yield (
                *(pair.pair_id, column.position, list(column.names), column.clean, column.corrupt),
                *(column.differs, answers, distractors, column.clean_id, column.corrupt_id),
            )


def token_shown(token: int, tokenizer: Tokenizer | None) -> str:
    """A token made visible; its id where there is no tokenizer, or it has no text."""
    text = "" if tokenizer is None else tokenizer.token_text(token)
    return visible(text).replace(" ", SPACE) if text else str(token)

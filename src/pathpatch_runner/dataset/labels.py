"""What a cell of a label column of `eap_csv` says: token ids, texts, or a year.

Every class is made with the tokenizer and has two methods: `answer(cell) -> (answers, distractors)`
and `distractor(cell) -> distractors`. They raise DatasetError without the place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

from pathpatch_runner.dataset.form import quoted
from pathpatch_runner.dataset.prompts import shown
from pathpatch_runner.dataset.record import Token
from pathpatch_runner.errors import DatasetError
from pathpatch_runner.model.tokenizer import Tokenizer

LAST_YEAR = 99
ID = re.compile(r"[0-9]{1,10}")
"""A token id: no sign, no other alphabet's digits, no longer than any vocabulary asks for."""


class Label(Protocol):
    """How the cells of label columns are read."""

    def answer(self, cell: str) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
        """(answers, distractors) of a cell of the answer column."""

    def distractor(self, cell: str) -> tuple[Token, ...]:
        """Distractors of a cell of the distractor column."""


class Ids:
    """Token ids: `57`, or `[57, 58]`."""

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        pass

    def answer(self, cell: str) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
        """The ids are answers."""
        return self._ids(cell), ()

    def distractor(self, cell: str) -> tuple[Token, ...]:
        """The ids are distractors."""
        return self._ids(cell)

    def _ids(self, cell: str) -> tuple[Token, ...]:
        inner = re.fullmatch(r"\s*\[(.*)\]\s*", cell, re.DOTALL)
        parts = [part.strip() for part in (inner[1].split(",") if inner else [cell])]
        if not all(ID.fullmatch(part) for part in parts):
            raise DatasetError(
                f"label {quoted(cell)} is neither a token id nor a list [id, id] of them. For "
                "labels that are texts say dataset.labels=texts"
            )
        return tuple(int(part) for part in parts)


class Texts:
    """A text as it stands in the cell, spaces and all, or a JSON list of texts."""

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        pass

    def answer(self, cell: str) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
        """The texts are answers."""
        return self._texts(cell), ()

    def distractor(self, cell: str) -> tuple[Token, ...]:
        """The texts are distractors."""
        return self._texts(cell)

    def _texts(self, cell: str) -> tuple[Token, ...]:
        if not cell:
            raise DatasetError(
                "a label is empty. For no labels say dataset.answer_column=null (or "
                "dataset.distractor_column=null)"
            )
        if not (cell.startswith("[") and cell.endswith("]")) or len(cell) < 3:
            return (cell,)
        try:
            listed = json.loads(cell)
        except (ValueError, RecursionError):
            listed = None
        if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
            raise DatasetError(
                f"label {quoted(cell)} is not a list of texts. Several are written as JSON: "
                '[" a", " b"] (in CSV: "["" a"", "" b""]"). For token ids say dataset.labels=ids'
            )
        return tuple(listed)


class Years:
    """The two digits of a year; all greater ones are answers, all others distractors."""

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self._tokenizer = tokenizer

    def answer(self, cell: str) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
        """(tokens of the greater years, tokens of the others)."""
        said = cell.strip()
        if not re.fullmatch("[0-9]{1,2}", said) or int(said) >= LAST_YEAR:
            raise DatasetError(
                f"label {quoted(cell)} is not the two digits of a year below {LAST_YEAR}. For "
                "labels that are token ids or texts say dataset.labels=ids or texts"
            )
        year = int(said)
        return self._years[year + 1 :], self._years[: year + 1]

    def distractor(self, cell: str) -> tuple[Token, ...]:  # noqa: ARG002 - years have none
        """None: the answer column says all."""
        return ()

    @cached_property
    def _years(self) -> tuple[Token, ...]:
        if self._tokenizer is None:
            raise DatasetError("labels are years, and the model has no tokenizer")
        ids = [self._tokenizer.encode_bare(f"{year:02d}") for year in range(LAST_YEAR + 1)]
        for year, tokens in enumerate(ids):
            if len(tokens) != 1:
                raise DatasetError(
                    f'the year "{year:02d}" is {len(tokens)} tokens '
                    f"({shown(tokens, self._tokenizer)}) for this model, and must be one"
                )
        return tuple(tokens[0] for tokens in ids)


LABELS: dict[str, Callable[[Tokenizer | None], Label]] = {
    "ids": Ids,
    "texts": Texts,
    "years": Years,
}

"""A tokenizer for tests: words with their leading space, in order of first use."""

from __future__ import annotations

import re
from collections.abc import Sequence


class WordTokenizer:
    """Splits into ` word`, `word` and punctuation; `long` words are two tokens."""

    def __init__(self, long: Sequence[str] = ()) -> None:
        self._ids: dict[str, int] = {}
        self._long = set(long)

    @property
    def n_vocab(self) -> int:
        return 10_000

    def encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for part in re.findall(r" ?\w+| ?[^\w\s]|\s", text):
            pieces = [part[:2], part[2:]] if part in self._long else [part]
            ids += [self._ids.setdefault(piece, len(self._ids)) for piece in pieces]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        texts = list(self._ids)
        return "".join(texts[number] for number in ids)

    def token_text(self, token_id: int) -> str:
        return self.decode([token_id])

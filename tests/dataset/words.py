"""A tokenizer for tests: words with their leading space, in order of first use."""

from __future__ import annotations

import re
from collections.abc import Sequence


class WordTokenizer:
    """Splits into ` word`, `word` and punctuation; `long` words are two tokens. `before` and
    `after` are tokens it puts around every text, as BOS and EOS."""

    def __init__(
        self, long: Sequence[str] = (), before: Sequence[str] = (), after: Sequence[str] = ()
    ) -> None:
        self._ids: dict[str, int] = {}
        self._long = set(long)
        self._before, self._after = list(before), list(after)

    @property
    def n_vocab(self) -> int:
        return 10_000

    def encode(self, text: str) -> list[int]:
        pieces = list(self._before)
        for part in re.findall(r" ?\w+| ?[^\w\s]|\s", text):
            pieces += [part[:2], part[2:]] if part in self._long else [part]
        pieces += self._after
        return [self._ids.setdefault(piece, len(self._ids)) for piece in pieces]

    def decode(self, ids: Sequence[int]) -> str:
        texts = list(self._ids)
        return "".join(texts[number] for number in ids)

    def token_text(self, token_id: int) -> str:
        return self.decode([token_id])

"""A tokenizer for tests: words with their leading space, in order of first use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pathpatch_runner.model.tokenizer import Added, Located


class WordTokenizer:
    """Splits into ` word`, `word` and punctuation; `long` words are two tokens. `before` and
    `after` are tokens it puts around every text, as BOS and EOS."""

    pattern = r" ?\w+| ?[^\w\s]|\s"

    def __init__(
        self, long: Sequence[str] = (), before: Sequence[str] = (), after: Sequence[str] = ()
    ) -> None:
        self._ids: dict[str, int] = {}
        self._long = set(long)
        self._before, self._after = list(before), list(after)

    @property
    def n_vocab(self) -> int:
        return 10_000

    @property
    def added(self) -> Added:
        return Added(tuple(self._known(self._before)), tuple(self._known(self._after)))

    @property
    def special(self) -> Mapping[str, int]:
        texts = [*self._before, *self._after]
        return dict(zip(texts, self._known(texts), strict=True))

    def encode(self, text: str) -> list[int]:
        return [located.token for located in self.encode_with_offsets(text)]

    def encode_bare(self, text: str) -> list[int]:
        return [located.token for located in self._located(text)]

    def encode_with_offsets(self, text: str) -> list[Located]:
        before = [Located(token, 0, 0) for token in self._known(self._before)]
        inside = self._located(text)
        return before + inside + [Located(token, 0, 0) for token in self._known(self._after)]

    def _located(self, text: str) -> list[Located]:
        found: list[Located] = []
        for part in re.finditer(self.pattern, text):
            start, piece = part.start(), part[0]
            for each in [piece[:2], piece[2:]] if piece in self._long else [piece]:
                found.append(Located(self._known([each])[0], start, start + len(each)))
                start += len(each)
        return found

    def _known(self, pieces: Sequence[str]) -> list[int]:
        return [self._ids.setdefault(piece, len(self._ids)) for piece in pieces]

    def decode(self, ids: Sequence[int]) -> str:
        texts = list(self._ids)
        return "".join(texts[number] for number in ids)

    def token_text(self, token_id: int) -> str:
        return self.decode([token_id])

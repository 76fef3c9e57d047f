"""A pair of prompts as a notebook writes it: what a line of a JSONL dataset says.

    pp.Pair("When Mary and John", "When Mary and Tom", answer=" gave", positions={"S": 3})

It becomes an aligned pair of token ids (`dataset.Pair`) when the model that reads it is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

Token = str | int


@dataclass(frozen=True)
class Pair:
    """`clean`, `corrupt`: texts or token ids, of equally many tokens. `answer`, `distractor`: a
    token as text or id, or a list of which any counts. `positions`: name -> index. `targets`:
    (position, answer) or (position, answer, distractor), instead of `answer` at the end.
    """

    clean: str | Sequence[int]
    corrupt: str | Sequence[int]
    answer: Token | Sequence[Token] | None = None
    distractor: Token | Sequence[Token] | None = None
    positions: Mapping[str, int] = field(default_factory=dict)
    targets: Sequence[Sequence[Any]] | None = None
    id: str | None = None

    def as_line(self) -> dict[str, Any]:
        """The keys and values of a JSONL line, those that are said."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in said.items() if value is not None and value != {}}

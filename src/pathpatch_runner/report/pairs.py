"""`pairs.parquet`: the prompts of a run as text, so that its page can show them without a tokenizer.

One row a pair: `pair_id`; `clean`, `corrupt`: texts of the tokens; `names`, `named`: the named
positions and where they are; `points`: positions at which the output is read; `answers`,
`distractors`: texts for each point, joined by " / ".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pathpatch_runner.dataset import Pair

TEXTS = pa.list_(pa.string())
SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("clean", TEXTS),
        ("corrupt", TEXTS),
        ("names", TEXTS),
        ("named", pa.list_(pa.int32())),
        ("points", pa.list_(pa.int32())),
        ("answers", TEXTS),
        ("distractors", TEXTS),
    ]
)


@dataclass(frozen=True)
class PairText:
    """One pair to be read. `answers`, `distractors`: for each of `points`."""

    pair_id: str
    clean: Sequence[str]
    corrupt: Sequence[str]
    positions: dict[str, int]
    points: Sequence[int]
    answers: Sequence[str]
    distractors: Sequence[str]


def pairs_table(pairs: Sequence[Pair], token_text: Callable[[int], str] | None) -> pa.Table:
    """`token_text`: the text of a token id; None where ids are all there is."""
    known: dict[int, str] = {}

    def text(token: int) -> str:
        if token not in known:
            known[token] = str(token) if token_text is None else token_text(token)
        return known[token]

    def texts(tokens: Sequence[int]) -> list[str]:
        return [text(token) for token in tokens]

    rows = [
        {
            "pair_id": pair.pair_id,
            "clean": texts(pair.clean),
            "corrupt": texts(pair.corrupt),
            "names": list(pair.positions),
            "named": list(pair.positions.values()),
            "points": [point.position for point in pair.points],
            "answers": [" / ".join(texts(point.answers)) for point in pair.points],
            "distractors": [" / ".join(texts(point.distractors)) for point in pair.points],
        }
        for pair in pairs
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def pair_texts(table: pa.Table | None) -> Iterator[PairText]:
    """The pairs of the table, in order; none without one."""
    for row in [] if table is None else table.to_pylist():
        yield PairText(
            row["pair_id"],
            row["clean"],
            row["corrupt"],
            dict(zip(row["names"], row["named"], strict=True)),
            row["points"],
            row["answers"],
            row["distractors"],
        )

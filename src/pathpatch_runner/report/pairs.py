"""`pairs.parquet`: the prompts of a run as text: its page can show them without a tokenizer.

One row a pair: `number`, which pair of the dataset it is, from 0; `pair_id`; `clean`, `corrupt`:
texts of the tokens; `names`, `named`: the named positions and where they are; `points`: positions
at which the output is read; `answers`, `distractors`: texts for each point, joined by " / ".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

TEXTS = pa.list_(pa.string())
SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
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

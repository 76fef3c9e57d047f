"""The prompts of a run as text, for `pairs.parquet`: reports are read where no tokenizer is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from pathpatch_runner.dataset import Pair
from pathpatch_runner.report.pairs import SCHEMA


def pairs_table(
    pairs: Sequence[Pair], dataset: Sequence[Pair], token_text: Callable[[int], str] | None
) -> pa.Table:
    """`dataset`: the pairs of which these are some. `token_text`: the text of a token id; None
    where ids are all there is."""
    numbers = {pair.pair_id: number for number, pair in enumerate(dataset)}
    known: dict[int, str] = {}

    def text(token: int) -> str:
        if token not in known:
            known[token] = str(token) if token_text is None else token_text(token)
        return known[token]

    def texts(tokens: Sequence[int]) -> list[str]:
        return [text(token) for token in tokens]

    rows = [
        {
            "number": numbers[pair.pair_id],
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

"""Small runs as a page reads them: summaries with effects by pair and prompts, none computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pathpatch_runner.report.pairs import SCHEMA
from pathpatch_runner.report.run_view import RunView
from store.records import MANIFEST

SHAPE = {
    "n_layers": 2,
    "n_heads": 4,
    "d_model": 8,
    "d_head": 2,
    "d_vocab": 11,
    "n_ctx": 16,
    "d_mlp": 16,
}
KEYS = ("hypothesis", "unit", "path_id", "metric", "direction")


def view(
    summary: pa.Table,
    *,
    config: Mapping[str, Any] | None = None,
    tables: Mapping[str, pa.Table] | None = None,
    plan: str = "the plan",
    **manifest: Any,
) -> RunView:
    """A run of the summary. `config`: what its experiment says, beside a shape."""
    said = MANIFEST.to_dict() | manifest
    provenance = {**said["provenance"], "config": {"shape": SHAPE, **(config or {})}}
    return RunView({**said, "provenance": provenance}, {"summary": summary, **(tables or {})}, plan)


def effects(summary: pa.Table, by_row: Sequence[Sequence[float]]) -> pa.Table:
    """One point a pair: `by_row` has the effects of each row of the summary, pair by pair."""
    rows = [
        {**{key: row[key] for key in KEYS}, "pair_id": f"p{pair}", "effect": float(effect)}
        for row, values in zip(summary.select(list(KEYS)).to_pylist(), by_row, strict=True)
        for pair, effect in enumerate(values)
    ]
    return pa.Table.from_pylist(rows)


def pairs(*texts: tuple[str, str]) -> pa.Table:
    """(clean, corrupt) prompts, tokens between blanks; the last one is read, `S` is the second."""
    rows = [
        {
            "pair_id": f"p{number}",
            "clean": clean.split(" "),
            "corrupt": corrupt.split(" "),
            "names": ["S", "end"],
            "named": [1, len(clean.split(" ")) - 1],
            "points": [len(clean.split(" ")) - 1],
            "answers": ["yes"],
            "distractors": ["no"],
        }
        for number, (clean, corrupt) in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)

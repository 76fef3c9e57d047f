"""Hand-made rows and runs for the tests of published values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pathpatch_runner.regress.claim import Run
from pathpatch_runner.regress.launch import Launch, Outcome


def row(head: str, effect: float | None, **changes: Any) -> dict[str, Any]:
    """A row of a family over `s`, as a summary holds it."""
    return {
        "run_key": "k",
        "experiment": "toy",
        "model": "m",
        "dataset": "d",
        "hypothesis": "h",
        "unit": "path",
        "path_id": f"e[s={head}]",
        "path": f"{head}->logits",
        "over.s": head,
        "metric": "logit_diff",
        "direction": "noising",
        "n": 4,
        "effect_mean": effect,
        "p_value": 0.5,
        **changes,
    }


ROWS = [row("a0.h0", 3.0), row("a0.h1", 1.0), row("a1.h0", -5.0), row("a1.h1", -0.5)]


def run_at(folder: Path, rows: list[dict[str, Any]]) -> Outcome:
    """A finished run whose both tables hold these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows)
    for name in ("summary.parquet", "effects.parquet"):
        pq.write_table(table, folder / name)
    return Outcome(folder)


def always(outcome: Outcome) -> Launch:
    """A launch that gives every run this outcome."""

    def launch(run: Run) -> Outcome:
        del run
        return outcome

    return launch

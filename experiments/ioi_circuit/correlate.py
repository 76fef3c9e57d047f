"""How well each method of a run ranks edges: Spearman's correlation of scores with `exact`, and how
many of the 50 largest of `exact` are among its own 50 largest.

python experiments/ioi_circuit/correlate.py outputs/ioi_circuit/RUN
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

LARGEST = 50


def correlations(scores: pd.DataFrame) -> pd.DataFrame:
    """Of every method with `exact`, over the edges that have one: of sizes, and signed."""
    wide = scores.pivot_table(
        index=["sender", "receiver", "slot"],
        columns="method",
        values="score",
        dropna=False,
        observed=True,
    ).dropna(subset=["exact"])
    largest = {method: set(wide[method].abs().nlargest(LARGEST).index) for method in wide}
    return pd.DataFrame(
        {
            "size": wide.abs().rank().corr()["exact"],
            "signed": wide.rank().corr()["exact"],
            "largest": {method: len(largest[method] & largest["exact"]) for method in wide},
            "edges": len(wide),
        }
    )


if __name__ == "__main__":
    table = pd.read_parquet(Path(sys.argv[1]) / "scores.parquet")
    table["slot"] = table["slot"].astype(object).fillna("")
    for name in ("sender", "receiver", "method"):
        table[name] = table[name].astype(str)
    print(correlations(table).round(3))

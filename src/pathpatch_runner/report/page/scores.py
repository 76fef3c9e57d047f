"""How well scores rank edges: Spearman's correlation of each method with `exact`, over the edges
that have an exact score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pathpatch_runner.report.page.markup import name, table, text
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import MISSING, counted

EXACT = "exact"
LEAST_EDGES = 10
"""Edges with an exact score below which a correlation says nothing."""
MEANING = (
    "Rank correlation (Spearman) of scores with exact ones, over the {} that {} one: of their "
    "sizes, and with their signs."
)
Floats = npt.NDArray[np.float64]


def scores(view: RunView) -> str:
    """A table; "" for a run without exact scores, or without others."""
    found = view.table("scores")
    if found is None or not {"method", "score", "sender"} <= set(found.column_names):
        return ""
    by_method = _by_method(found)
    exact = by_method.pop(EXACT, np.empty(0))
    by_method = {method: each for method, each in by_method.items() if len(each) == len(exact)}
    there = np.isfinite(exact)
    if there.sum() < LEAST_EDGES or not by_method:
        return ""
    rows = []
    for method, values in by_method.items():
        both = there & np.isfinite(values)
        of_sizes = spearman(np.abs(values[both]), np.abs(exact[both]))
        both_ways = (of_sizes, spearman(values[both], exact[both]))
        rows.append([name(method), *(MISSING if np.isnan(r) else f"{r:.3f}" for r in both_ways)])
    count = int(there.sum())
    said = MEANING.format(counted(count, "edge"), "has" if count == 1 else "have")
    body = table(["scores", "of sizes", "signed"], rows, numeric=(1, 2))
    return f'<p class="soft">{text(said)}</p>{body}'


def _by_method(found: pa.Table) -> dict[str, Floats]:
    """Scores of all edges, NaN for none, by method; each method has the edges in one order."""
    methods = np.array(found["method"].cast(pa.string()).to_pylist())
    values = np.array(found["score"].cast(pa.float64()).to_numpy(zero_copy_only=False))
    return {str(method): values[methods == method] for method in dict.fromkeys(methods.tolist())}


def spearman(a: Floats, b: Floats) -> float:
    """Pearson's correlation of ranks; equal values share the mean of their ranks. NaN where all
    are equal."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    # Few pages need it, and it takes long to import.
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)

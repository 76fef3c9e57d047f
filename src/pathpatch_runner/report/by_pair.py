"""Effects by pair: for each row of the summary one number a pair, the mean over its points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

KEYS = ("hypothesis", "unit", "path_id", "metric", "direction")


@dataclass(frozen=True)
class ByPair:
    """`effects`: float64 [row of the summary, pair]; `pair_ids` [pair]."""

    effects: npt.NDArray[np.float64]
    pair_ids: list[str]


def effects_by_pair(summary: pa.Table, effects: pa.Table | None) -> ByPair | None:
    """None where the effects are not there, or are not those of the summary's rows."""
    if effects is None or not summary.num_rows or effects.num_rows % summary.num_rows:
        return None
    n_points = effects.num_rows // summary.num_rows
    if n_points == 0 or not _same_rows(summary, effects, n_points):
        return None
    pair_of_point = effects["pair_id"][:n_points].to_pylist()
    pair_ids = list(dict.fromkeys(pair_of_point))
    number = {pair_id: index for index, pair_id in enumerate(pair_ids)}
    owners = np.array([number[pair_id] for pair_id in pair_of_point])
    values = effects["effect"].to_numpy().reshape(summary.num_rows, n_points)
    shares = np.zeros((n_points, len(pair_ids)))
    shares[np.arange(n_points), owners] = 1.0
    return ByPair(values @ (shares / shares.sum(0)), pair_ids)


def _same_rows(summary: pa.Table, effects: pa.Table, n_points: int) -> bool:
    """Whether every n-th row of the effects names the summary's rows in order."""
    every = pa.array(np.arange(summary.num_rows) * n_points)
    firsts = effects.select(list(KEYS)).take(every)
    return all(_texts(firsts[name]).equals(_texts(summary[name])) for name in KEYS)


def _texts(column: pa.ChunkedArray) -> pa.Array:
    """The texts of a column, however they are encoded."""
    return column.cast(pa.string()).combine_chunks()

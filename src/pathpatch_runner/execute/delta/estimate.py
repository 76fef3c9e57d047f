"""The memory a plan needs, before anything runs and without weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pathpatch_runner.dataset import PairSet, group_by_length
from pathpatch_runner.execute.delta.chunks import (
    copied_elements,
    make_chunk,
    peak_elements,
    plain_elements,
)
from pathpatch_runner.execute.delta.extent import Places
from pathpatch_runner.plan.table import PlanTable

GIB = 2**30


def places_of_pairs(
    pairs: PairSet,
    chosen: Sequence[int],
    classes: Sequence[Sequence[int]],
    n_classes: int,
    *,
    everywhere: bool,
) -> Places:
    """`Places` of some pairs of one length. `everywhere`: inputs differ at every position."""
    some = [pairs.pairs[number] for number in chosen]
    differs = np.any([np.not_equal(pair.clean, pair.corrupt) for pair in some], axis=0)
    found = np.array([classes[number] for number in chosen])
    occurs = np.stack([(found == number).any(0) for number in range(n_classes)])
    points = np.zeros_like(occurs)
    for row, pair in enumerate(some):
        for point in pair.points:
            points[found[row, point.position], point.position] = True
    return Places(differs | everywhere, occurs, points)


def memory_estimate(
    table: PlanTable,
    pairs: PairSet,
    classes: Sequence[Sequence[int]],
    itemsize: int,
    *,
    everywhere: bool,
) -> str:
    """What `delta` would need for all units at once, on all pairs of the most demanding length."""
    shape = table.alphabet.graph.shape
    largest, runs = 0, 0
    for group in group_by_length(pairs.pairs):
        n_classes = table.outputs.shape[1]
        places = places_of_pairs(pairs, group, classes, n_classes, everywhere=everywhere)
        chunk = make_chunk(table, np.arange(len(table.outputs)), places)
        largest = max(largest, peak_elements(chunk.table, chunk.extent, len(group)))
        runs = max(runs, len(group) * plain_elements(shape, len(places.differs)))
    runs += copied_elements(shape)
    return (
        f"{_gib(runs * itemsize)} for the plain runs, {_gib(largest * itemsize)} for all units at "
        "once; in chunks that fit runtime.memory_gb"
    )


def _gib(size: int) -> str:
    return f"{size / GIB:.2f} GiB"

"""What the changed slots of head versions read, as queries, keys and values.

A slot reads one stream at every position class, in general: such a *reading* is a row [class] of
stream ids. Each distinct reading is normed once for a layer, and projected once for each head that
reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from pathpatch_runner.execute.delta.deltas import Selection
from pathpatch_runner.execute.delta.host import rows_of
from pathpatch_runner.execute.delta.narrow import NarrowReadings
from pathpatch_runner.execute.delta.runs import AttentionRun, project, project_narrow
from pathpatch_runner.model.nodes import Attention, Projection

Q, K, V = range(3)
UNCHANGED = -1

Normed = torch.Tensor | NarrowReadings
NormedStreams = Callable[[np.ndarray, Selection], Normed]
"""Readings [n, class], positions -> normed stream [n, B, P, d_model], or what stands for it."""


@dataclass(frozen=True)
class HeadVersions:
    """Versions of one layer that are evaluated at the same positions.

    `heads` [n]; `readings` [m, class]: distinct readings that differ from base; `slots`
    [n, slot, back]: which reading each slot reads, or UNCHANGED.
    """

    heads: np.ndarray
    readings: np.ndarray
    slots: np.ndarray


def in_blocks(versions: HeadVersions) -> HeadVersions:
    """The readings reordered, so that those that the same slots of the same heads read are
    neighbours: a head then takes a slice of the normed streams instead of a copy."""
    n_heads = int(versions.heads.max()) + 1
    readers = np.zeros((len(versions.readings), n_heads * 3), dtype=bool)
    for slot in (Q, K, V):
        read = versions.slots[:, slot]
        heads = np.broadcast_to(versions.heads[:, None], read.shape)
        readers[read[read != UNCHANGED], heads[read != UNCHANGED] * 3 + slot] = True
    order = np.lexsort(readers.T)
    number = np.empty(len(order) + 1, dtype=np.int64)
    number[order] = np.arange(len(order))
    number[UNCHANGED] = UNCHANGED
    return HeadVersions(versions.heads, versions.readings[order], number[versions.slots])


class Projected:
    """Queries, keys or values of changed readings, projected head by head as they are wanted."""

    def __init__(
        self,
        projection: Projection,
        base: torch.Tensor,
        normed: Normed | None,
        readings: np.ndarray,
        positions: Selection,
    ) -> None:
        """`base` [head, B, T, D]: of base's stream."""
        self._projection = projection
        self._base = base
        self._normed = normed
        self._readings = readings
        self._positions = positions
        self._last: tuple[int, bytes, torch.Tensor] | None = None

    def rows(self, head: int, wanted: np.ndarray) -> torch.Tensor:
        """[n, B, P, D] of the readings `wanted` [n] (in any order, repeats allowed)."""
        distinct, inverse = np.unique(wanted, return_inverse=True)
        found = self._distinct(head, distinct)
        return rows_of(found, inverse)

    def _distinct(self, head: int, distinct: np.ndarray) -> torch.Tensor:
        assert self._normed is not None
        # With grouped queries the heads of a group ask for the same keys one after the other.
        key = distinct.tobytes()
        if self._last is not None and self._last[:2] == (head, key):
            return self._last[2]
        projected = self._project(head, np.searchsorted(self._readings, distinct))
        self._last = (head, key, projected)
        return projected

    def _project(self, head: int, rows: np.ndarray) -> torch.Tensor:
        normed, index = self._normed, self._positions.index
        if isinstance(normed, NarrowReadings):
            some = normed if len(rows) == len(normed) else normed.some(rows)
            base = self._positions.take(self._base[head])
            return project_narrow(self._projection, head, some, index, base)
        assert normed is not None
        return project(self._projection, head, rows_of(normed, rows), index)


@dataclass(frozen=True)
class Changed:
    """What the slots of one layer's versions read where it differs from base: `queries` at the
    positions where the versions are evaluated, `keys` and `values` at `key_positions`."""

    queries: Projected
    keys: Projected
    values: Projected
    positions: Selection
    key_positions: Selection


def changed_of(
    part: Attention,
    run: AttentionRun,
    versions: HeadVersions,
    normed: NormedStreams,
    positions: Selection,
    key_positions: Selection,
) -> Changed:
    """Each changed reading is normed once: one that queries and keys read at the same positions
    serves both."""
    query_readings = _readings(versions.slots[:, Q])
    key_readings = _readings(versions.slots[:, K:])
    same = np.array_equal(query_readings, key_readings) and np.array_equal(
        positions.numbers, key_positions.numbers
    )
    of_queries = None
    if len(query_readings):
        of_queries = normed(versions.readings[query_readings], positions)
    of_keys = of_queries if same else None
    if of_keys is None and len(key_readings):
        of_keys = normed(versions.readings[key_readings], key_positions)
    return Changed(
        Projected(part.q, run.q[0], of_queries, query_readings, positions),
        Projected(part.k, run.k[0], of_keys, key_readings, key_positions),
        Projected(part.v, run.v[0], of_keys, key_readings, key_positions),
        positions,
        key_positions,
    )


def _readings(slots: np.ndarray) -> np.ndarray:
    """The distinct changed readings that `slots` name, in order."""
    named = np.unique(slots)
    changed: np.ndarray = named[named != UNCHANGED]
    return changed

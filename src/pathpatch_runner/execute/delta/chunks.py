"""How many units at once: what a part of a plan needs at its peak, and cuts that fit a budget.

Counted per stage: the differences of all streams alive, of the versions being evaluated, and
the temporaries of the widest step (bounded by the workspace). Everything is known before
anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.execute.delta.extent import Extent, Places, extent_of, is_attention
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.plan.plan import PATCHED
from pathpatch_runner.plan.table import PlanTable, select_units

TEMPORARIES = 3
"""Copies of the streams read by a stage that are alive at once: gathered, normed, projected."""


@dataclass(frozen=True)
class Chunk:
    """Some units, the table of what they need, and its extent on the batch."""

    units: np.ndarray
    table: PlanTable
    extent: Extent


def plain_elements(shape: ModelShape, length: int) -> int:
    """What the plain runs keep of one pair of prompts: streams, writes, queries, keys, values."""
    width = 4 * shape.n_heads * shape.d_head + 4 * shape.d_model
    return 2 * length * width * shape.n_layers


def copied_elements(shape: ModelShape) -> int:
    """Weights held a second time: queries, keys and values by head (`model.nodes`)."""
    return shape.n_layers * shape.d_model * shape.d_head * (shape.n_heads + 2 * shape.n_kv)


def peak_elements(table: PlanTable, extent: Extent, n_pairs: int) -> int:
    """The most tensor elements alive at once, without the workspace and the plain runs."""
    graph = table.alphabet.graph
    stream_rows = extent.streams.sum(axis=1) * n_pairs * graph.shape.d_model
    version_rows = extent.versions.sum(axis=1) * n_pairs
    last = np.full(table.n_streams + 2, -1)
    born = np.zeros(table.n_streams + 2, dtype=np.int64)
    for number, stage in enumerate(table.stages):
        last[np.unique(stage.reads)] = number
        last[np.unique(stage.parent)] = number
        born[stage.stream_ids] = number
    peak = 0
    for number, stage in enumerate(table.stages):
        alive = int(stream_rows[(born <= number) & (last >= number)].sum())
        read = np.unique(stage.reads)
        read = read[read > PATCHED]
        temporaries = TEMPORARIES * int(stream_rows[read].sum())
        heads = is_attention(graph, stage.nodes)
        width = np.where(heads, graph.shape.d_head * 4, graph.shape.d_model)
        versions = int((version_rows[stage.version_ids] * width).sum())
        peak = max(peak, alive + temporaries + versions)
    return peak


def unit_chunks(table: PlanTable, places: Places, n_pairs: int, budget: int) -> Iterator[Chunk]:
    """Chunks whose peak fits `budget` elements; a unit that alone needs more has its own.

    Units of one shape stay together: they share most.
    """
    if table.shapes:
        units = np.concatenate([shape.members for shape in table.shapes])
        yield from _fitting(table, units, places, n_pairs, budget)


def _fitting(
    table: PlanTable, units: np.ndarray, places: Places, n_pairs: int, budget: int
) -> Iterator[Chunk]:
    chunk = make_chunk(table, units, places)
    peak = peak_elements(chunk.table, chunk.extent, n_pairs)
    if peak <= budget or len(units) == 1:
        yield chunk
        return
    for piece in np.array_split(units, min(len(units), -(-peak // max(budget, 1)))):
        yield from _fitting(table, piece, places, n_pairs, budget)


def make_chunk(table: PlanTable, units: np.ndarray, places: Places) -> Chunk:
    """The chunk of some units."""
    part = select_units(table, units, np.asarray(places.points.any(axis=1)))
    return Chunk(units, part, extent_of(part, places))

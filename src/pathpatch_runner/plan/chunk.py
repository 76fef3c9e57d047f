"""Some units at a time: cuts of a plan that fit a budget, each with its extent on a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.plan.extent import BatchPositions, Extent, extent_of
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.schedule import Schedule, schedule_of
from pathpatch_runner.plan.sums import Sums, sums_of


@dataclass(frozen=True)
class Chunk:
    """`units` [unit]: numbers in the whole plan; `plan`: of these units, in this order, with what
    their evaluation points need; `extent`: where to evaluate it on the batch; `sums`: which of its
    streams are made as sums of writes; `schedule`: in which order."""

    units: np.ndarray
    plan: Plan
    extent: Extent
    sums: Sums
    schedule: Schedule


def make_chunk(plan: Plan, units: np.ndarray, positions: BatchPositions) -> Chunk:
    """The chunk of some units."""
    part = plan.select(units, np.asarray(positions.points.any(axis=1)))
    extent = extent_of(part, positions)
    sums = sums_of(part, extent)
    return Chunk(units, part, extent, sums, schedule_of(part, extent, sums))


def chunks_of(
    plan: Plan, positions: BatchPositions, size: Callable[[Chunk], int], room: int
) -> Iterator[Chunk]:
    """All units in chunks whose `size` is at most `room`; a unit that alone is larger has its own.

    Units of one orbit stay together.
    """
    if plan.n_units:
        yield from _fitting(plan, plan.by_orbit, positions, size, room)


def _fitting(
    plan: Plan,
    units: np.ndarray,
    positions: BatchPositions,
    size: Callable[[Chunk], int],
    room: int,
) -> Iterator[Chunk]:
    chunk = make_chunk(plan, units, positions)
    found = size(chunk)
    if found <= room or len(units) == 1:
        yield chunk
        return
    for piece in np.array_split(units, min(len(units), -(-found // max(room, 1)))):
        yield from _fitting(plan, piece, positions, size, room)

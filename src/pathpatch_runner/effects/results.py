"""What the tables are made of: all that one run measured, and the names of its parts.

A run measures *units* (path sets that get rows) in *directions* on *evaluation points* (a pair
at a position) with *metrics*. `Results` holds these four and one number for every combination;
each table is a function of it.

Shapes: direction, unit, metric, point. A *row* of the summary is a (direction, unit, metric);
a row of the effects is one of its points. Rows stand in this order, the last index fastest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pathpatch_runner.config import Direction
from pathpatch_runner.effects.arrays import Floats, Integers
from pathpatch_runner.effects.schema import MetricColumn
from pathpatch_runner.effects.unit_columns import Columns, unit_columns

if TYPE_CHECKING:
    from pathpatch_runner.hypothesis import Unit


@dataclass(frozen=True)
class RunNames:
    """What every row of a run has in common: the first four columns."""

    run_key: str
    experiment: str
    model: str
    dataset: str


@dataclass(frozen=True)
class PointIndex:
    """Where values were measured: `pair_id`, `position` and `pair_index` of every point.

    Points with the same `pair_index` [point] are one pair for the statistics.
    """

    pair_id: tuple[str, ...]
    position: Integers
    pair_index: Integers

    def __len__(self) -> int:
        return len(self.pair_id)


@dataclass(frozen=True)
class PlainRuns:
    """The clean and the corrupt run, nothing patched: float64 [metric, point] each."""

    clean: Floats
    corrupt: Floats

    def base(self, direction: Direction) -> Floats:
        """[metric, point]: the run into which paths of the other one are patched.

        An effect is a patched value minus this one: noising starts from the clean run.
        """
        return self.clean if direction is Direction.noising else self.corrupt

    def all_patched(self, direction: Direction) -> Floats:
        """[metric, point]: what patching every path gives, which is the other plain run."""
        return self.corrupt if direction is Direction.noising else self.clean


@dataclass(frozen=True)
class Results:
    """All that a run measured. `patched`: float64 [unit, metric, point] for each direction.

    `against`: for a hypothesis, the one whose average unexplained effect its own is compared
    with; hypotheses that are compared with the total effect are not in it. `overrides`: what the
    command line or the sweep set, key -> text of the value. `n_paths`: how many paths each
    unit's set has, exactly; () if they were not counted. `right` [2, point]: how often an answer is
    the most likely token in the clean and the corrupt run; None, or NaN where there is no answer.
    """

    names: RunNames
    units: tuple[Unit, ...]
    metrics: tuple[MetricColumn, ...]
    points: PointIndex
    plain: PlainRuns
    patched: Mapping[Direction, Floats]
    against: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    n_paths: tuple[int, ...] = ()
    right: Floats | None = None

    def __post_init__(self) -> None:
        """Our own invariants: something was measured, and every array has its shape."""
        shape = (len(self.metrics), len(self.points))
        points = self.points
        assert self.units, "no unit was evaluated"
        assert self.patched, "no direction was evaluated"
        assert len(self.n_paths) in (0, len(self.units)), "one count of paths per unit"
        assert min(shape) > 0, f"nothing was measured: {shape} metrics and points"
        assert points.position.shape == points.pair_index.shape == shape[1:], "one entry per point"
        for values in (self.plain.clean, self.plain.corrupt):
            assert values.shape == shape, f"values {values.shape}, metrics and points {shape}"
        for values in self.patched.values():
            assert values.shape == (len(self.units), *shape), (
                f"values {values.shape}, units, metrics and points {(len(self.units), *shape)}"
            )

    @property
    def directions(self) -> tuple[Direction, ...]:
        """In the order of the rows."""
        return tuple(self.patched)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(directions, units, metrics): the rows of the summary."""
        return len(self.patched), len(self.units), len(self.metrics)

    @cached_property
    def bindings(self) -> Mapping[str, list[str | None]]:
        """For each variable that any unit binds, in order of first appearance: what each unit binds
        it to, [unit]; None where it does not."""
        bound: dict[str, list[str | None]] = {}
        for number, unit in enumerate(self.units):
            for name, value in unit.binding:
                if name not in bound:
                    bound[name] = [None] * len(self.units)
                bound[name][number] = value
        return bound

    @cached_property
    def unit_columns(self) -> Columns:
        """[unit]: the columns that name a unit."""
        return unit_columns(self.units, self.bindings)

    def stacked(self) -> tuple[Floats, Floats, Floats]:
        """(patched, base, all_patched): [direction, unit, metric, point], the last two with one
        unit that stands for all. An effect is patched - base, a total effect all_patched - base."""
        directions = self.directions
        return (
            np.stack([self.patched[direction] for direction in directions]),
            np.stack([self.plain.base(direction) for direction in directions])[:, None],
            np.stack([self.plain.all_patched(direction) for direction in directions])[:, None],
        )

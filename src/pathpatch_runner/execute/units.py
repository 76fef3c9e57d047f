"""What the loop may ask about the units of a plan: what they are called, and what is known of them.

The plan numbers its units and knows nothing else of them. Whoever made it can say their names, for
messages, and can keep their values as they are found: a run that is killed then goes on where it
stopped, and a path set that an earlier run evaluated is not evaluated again (`store.known` keeps
them). The loop asks `recall` once for every batch and draw, and gives each chunk to `keep`.

A *portion* is what is measured of all units at once. Chunks and batches are cut by the memory at
hand, so values are kept by unit and evaluation point, never by the number of a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pathpatch_runner.config import Direction


@dataclass(frozen=True)
class Portion:
    """`points` [point]: numbers of evaluation points in the whole dataset, those of `n_pairs`
    pairs; `draw`: of the source; `metrics`: by name."""

    direction: Direction
    draw: int
    metrics: tuple[str, ...]
    points: tuple[int, ...]
    n_pairs: int

    @property
    def shape(self) -> tuple[int, int]:
        """(metrics, points): of one unit's values."""
        return len(self.metrics), len(self.points)


@dataclass(frozen=True)
class Recalled:
    """`units`: numbers in the plan, ascending; `values`: float64 [unit, metric, point]."""

    units: np.ndarray
    values: np.ndarray


class Units(Protocol):
    """The units of one plan."""

    def name(self, unit: int) -> str:
        """What messages call a unit."""
        ...

    def recall(self, portion: Portion) -> Recalled:
        """Every unit that is known in the whole portion."""
        ...

    def keep(self, units: np.ndarray, portion: Portion, values: np.ndarray) -> None:
        """Values that were found: finite float64 [unit, metric, point]."""
        ...


class Unknown:
    """Units of which nothing is known and nothing is kept. `name`: what messages call them; None:
    by number, from 1."""

    def __init__(self, name: Callable[[int], str] | None = None) -> None:
        self._name = name

    def name(self, unit: int) -> str:
        """What messages call a unit."""
        return f"path set {unit + 1}" if self._name is None else self._name(unit)

    def recall(self, portion: Portion) -> Recalled:
        """Nothing."""
        return Recalled(np.zeros(0, dtype=np.int64), np.zeros((0, *portion.shape)))

    def keep(self, units: np.ndarray, portion: Portion, values: np.ndarray) -> None:
        """Not kept."""

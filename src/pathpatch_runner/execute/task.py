"""What an executor is given and what it returns, whichever executor it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.execute.memory import Budget
from pathpatch_runner.execute.sources import CorruptSource
from pathpatch_runner.metric import Metric
from pathpatch_runner.model.load import LoadedModel

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Task:
    """What to evaluate: `classes[pair][pos]` are position classes of the plan."""

    model: LoadedModel
    pairs: PairSet
    classes: Sequence[Sequence[int]]
    metrics: Sequence[Metric]
    source: CorruptSource
    budget: Budget


@dataclass
class Measured:
    """Float64 values. `clean`, `corrupt`: [metric, point]; `patched`: [unit, metric, point] by
    direction. `forward_passes`: how many it took; `baseline_seconds`: spent on the plain runs."""

    clean: np.ndarray
    corrupt: np.ndarray
    patched: dict[Direction, np.ndarray] = field(default_factory=dict)
    forward_passes: int = 0
    baseline_seconds: float = 0.0


def empty_measured(task: Task, n_units: int, directions: Sequence[Direction]) -> Measured:
    """Zeros, to be added to."""
    n_points = sum(len(pair.points) for pair in task.pairs.pairs)
    shape = (len(task.metrics), n_points)
    measured = Measured(np.zeros(shape), np.zeros(shape))
    for direction in directions:
        measured.patched[direction] = np.zeros((n_units, *shape))
    return measured


def evaluations(n_units: int, task: Task, directions: Sequence[Direction]) -> int:
    """Units times pairs times directions times draws: the total of the progress bar."""
    return n_units * len(task.pairs.pairs) * len(directions) * task.source.draws

"""What is evaluated, and what came out of it, whichever executor did it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.execute.memory import Budget
from pathpatch_runner.execute.sources import Corruption
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
    source: Corruption
    budget: Budget


@dataclass(frozen=True)
class Measured:
    """Float64 values, averaged over the source's draws. `clean`, `corrupt`: [metric, point];
    `patched`: [unit, metric, point] by direction. `passes`: the model's forward passes by purpose,
    from its loading up to here ("probe", "guards", "proof", "plain runs", "execute");
    `baseline_seconds`: spent on the plain runs. `right` [2, point]: how often an answer is the most
    likely token in the clean and the corrupt run, NaN at points without an answer."""

    clean: np.ndarray
    corrupt: np.ndarray
    patched: Mapping[Direction, np.ndarray]
    passes: Mapping[str, int]
    baseline_seconds: float
    right: np.ndarray


def evaluations(n_units: int, task: Task, directions: Sequence[Direction]) -> int:
    """Units times pairs times directions times draws: the total of the progress bar."""
    return n_units * len(task.pairs.pairs) * len(directions) * task.source.draws

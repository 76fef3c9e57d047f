"""The matched random path sets of a run's units, evaluated as the units were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pathpatch_runner.config import Direction
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.controls import Controls
from pathpatch_runner.errors import HypothesisError
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.ready import KeptBatches
from pathpatch_runner.execute.task import Advance, Task
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.canonical import canonical
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis import Unit
from pathpatch_runner.hypothesis.controls import matched_path_sets
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.runner.known import Known

MOST_AT_ONCE = 2048
"""Path sets of one plan."""


@dataclass(frozen=True)
class Drawn:
    """`path_sets`: all controls, each once. `of_unit` [unit]: the numbers of its own."""

    path_sets: tuple[PathSet, ...]
    of_unit: tuple[tuple[int, ...], ...]


def draw_controls(units: Sequence[Unit], graph: Graph, n: int, seed: int) -> Drawn:
    """`n` controls of every unit; none of one that has not so many (a hypothesis that a config
    states has been refused for that before anything ran; one that was found may have too few)."""
    numbers: dict[PathSet, int] = {}
    of_unit = []
    for unit in units:
        try:
            sets = matched_path_sets(unit.paths, graph, n, seed)
        except HypothesisError:
            sets = ()
        of_unit.append(tuple([numbers.setdefault(paths, len(numbers)) for paths in sets]))
    return Drawn(tuple(numbers), tuple(of_unit))


def evaluate_controls(
    backend: str,
    task: Task,
    compiled: Callable[[Sequence[PathSet]], Plan],
    drawn: Drawn,
    directions: Sequence[Direction],
    advance: Advance,
    known: Known,
) -> Controls:
    """Mean effects of the controls. `compiled`: a plan of path sets on the units' alphabet, which
    the controls share: they name the same positions and distances."""
    effects = {d: np.zeros((len(drawn.path_sets), len(task.metrics))) for d in directions}
    kept = KeptBatches()
    for start in range(0, len(drawn.path_sets), MOST_AT_ONCE):
        chunk = drawn.path_sets[start : start + MOST_AT_ONCE]
        units = known.units(task.pairs, chunk, partial(_name, chunk, task))
        measured = evaluate(backend, task, compiled(chunk), directions, advance, units, kept)
        for direction in directions:
            base = measured.clean if direction is Direction.noising else measured.corrupt
            means: Floats = (measured.patched[direction] - base).mean(-1)
            effects[direction][start : start + len(chunk)] = means
    return Controls(drawn.of_unit, effects)


def _name(chunk: Sequence[PathSet], task: Task, number: int) -> str:
    return f"a control: {canonical(chunk[number], Graph(task.model.shape))}"

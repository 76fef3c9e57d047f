"""Effects of path sets on some of a run's pairs: what a search asks for, again and again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.config import Direction, ExperimentConfig, SearchConfig
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.dataset.positions import position_classes
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.ready import KeptBatches
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.execute.task import Advance, Task, evaluations
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet, Route, StepPattern, Steps
from pathpatch_runner.expression.canonical import canonical
from pathpatch_runner.graph import Graph
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.runner.known import Known
from pathpatch_runner.runner.stages import Stages
from pathpatch_runner.search.tail import Space

MOST_AT_ONCE = 2048
"""Path sets of one plan."""


def everything(graph: Graph) -> PathSet:
    """All paths: `input => logits`."""
    ends = [Steps((StepPattern(frozenset({node})),)) for node in (0, graph.logits)]
    anything = Steps((StepPattern(frozenset(range(1, graph.logits))),))
    return (Route((ends[0], ends[1]), (anything,)),)


@dataclass(frozen=True)
class Setting:
    """What all evaluations of a search have in common."""

    config: ExperimentConfig
    search: SearchConfig
    space: Space
    backend: str
    known: Known
    stages: Stages

    def task(self, task: Task, pairs: PairSet, classes: list[list[int]]) -> Task:
        """The run's task on some of its pairs, by the metric of the search."""
        name = self.search.metric or self.config.metrics[0]
        source = source_named(self.config.patch.source)(self.config.patch, self.config.seed)
        return dataclasses.replace(
            task,
            pairs=pairs,
            classes=classes,
            metrics=tuple(metric for metric in task.metrics if metric.name == name),
            source=source.on(task.model, pairs),
        )


class PathEffects:
    """Effects of path sets on some of the pairs: the callback of the walk. `sizes` [pair]: their
    evaluation points."""

    def __init__(self, setting: Setting, task: Task, pairs: PairSet) -> None:
        occurring, classes = position_classes(pairs.pairs, setting.space.positions)
        self.alphabet = Alphabet(setting.space.graph, occurring)
        self._setting = setting
        self.backend = setting.backend
        self.direction = setting.search.direction
        self.task = setting.task(task, pairs, classes)
        # Every level of a search is on the same pairs.
        self._kept = KeptBatches()
        self.pair_ids = tuple(pair.pair_id for pair in pairs.pairs)
        counts = [len(pair.points) for pair in pairs.pairs]
        self.sizes: Floats = np.array(counts, dtype=np.float64)
        self._owners = np.repeat(np.arange(len(counts)), counts)

    def totals(self) -> Floats:
        """[pair]: the effect of patching every path, summed over its points."""
        totals: Floats = self("all paths", [everything(self.alphabet.graph)])[0]
        return totals

    def __call__(self, what: str, path_sets: Sequence[PathSet]) -> Floats:
        """[set, pair]: effects, summed over the points of each pair."""
        total = evaluations(len(path_sets), self.task, [self.direction])
        parts: list[Floats] = [np.zeros((0, len(self.pair_ids)))]
        with (
            self._setting.stages(f"searching: {what}", "search"),
            self._setting.stages.watch.evaluations(total) as advance,
        ):
            for start in range(0, len(path_sets), MOST_AT_ONCE):
                parts.append(self._sums(path_sets[start : start + MOST_AT_ONCE], advance))
        return np.concatenate(parts)

    def _sums(self, path_sets: Sequence[PathSet], advance: Advance) -> Floats:
        def name(number: int) -> str:
            return canonical(path_sets[number], self.alphabet.graph)

        plan, backend = compile_plan(path_sets, self.alphabet), self._setting.backend
        units = self._setting.known.units(self.task.pairs, path_sets, name)
        measured = evaluate(backend, self.task, plan, [self.direction], advance, units, self._kept)
        noising = self.direction is Direction.noising
        start = measured.clean if noising else measured.corrupt
        effects = measured.patched[self.direction][:, 0] - start[0]
        sums = np.zeros((len(path_sets), len(self.pair_ids)))
        np.add.at(sums.T, self._owners, effects.T)
        return sums

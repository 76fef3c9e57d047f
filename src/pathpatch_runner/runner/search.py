"""The search of a run: split the pairs, walk on one part, report on the other.

    split -> walk (on the pairs that choose) -> what passed, on the pairs that chose nothing
          -> random paths of the rest -> a hypothesis `found`, evaluated with the run's own

From here on the run is an ordinary one of the hypotheses on the pairs that chose nothing; what
was found as a whole has its rows in the summary, and so has everything else (`found_rest`).
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import (
    Direction,
    ExperimentConfig,
    SearchConfig,
    UnitKind,
)
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.dataset.positions import position_classes
from pathpatch_runner.effects import Results, RunNames
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.resampling import Draws
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.execute.task import Advance, Task, evaluations
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet, Route, StepPattern, Steps
from pathpatch_runner.expression.count import count_paths
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis import Unit, resolve_hypotheses
from pathpatch_runner.inputs import Inputs
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.runner.journal import Journal
from pathpatch_runner.runner.stages import Stages
from pathpatch_runner.search.check import space_of
from pathpatch_runner.search.found import Confirmation, found_table
from pathpatch_runner.search.level import LevelTests
from pathpatch_runner.search.sample import CONFIDENCE, Bound, bound, draw_rest
from pathpatch_runner.search.split import split_pairs
from pathpatch_runner.search.tail import Space
from pathpatch_runner.search.walk import Examined, Settings, Status, complete, ends, kept, walk
from pathpatch_runner.search.written import (
    KEPT,
    NAME,
    Entry,
    Written,
    entries_of,
    entry_holds,
    found_yaml,
    hypothesis_of,
)

log = logging.getLogger("pathpatch_runner")

REST = "_rest"
MOST_AT_ONCE = 2048
"""Path sets of one plan, and of one file of the journal."""


@dataclass(frozen=True)
class RunFound:
    """What a run's search found. `unexamined`: None where nothing was drawn; `task`: on the pairs
    that chose nothing."""

    search: SearchConfig
    space: Space
    examined: tuple[Examined, ...]
    confirmation: Confirmation
    unexamined: Bound | None
    selection_ids: tuple[str, ...]
    task: Task

    @property
    def written(self) -> list[Written]:
        """What was found, as hypotheses: the complete paths, and everything the search came to."""
        paths, everywhere = complete(self.examined), ends(self.examined)
        sets = {NAME: paths} if paths else {}
        if {each.tail for each in everywhere} != {each.tail for each in paths}:
            sets[KEPT] = everywhere
        return [self._written(name, found) for name, found in sets.items()]

    def _written(self, name: str, found: Sequence[Examined]) -> Written:
        graph = self.space.graph
        entries = entries_of([each.tail for each in found], graph)
        notes = [self._note(entry) for entry in entries]
        return Written(name, hypothesis_of(entries, graph), tuple(entries), tuple(notes))

    def table(self, names: RunNames) -> pa.Table:
        """`found.parquet`."""
        reading = (self.task.metrics[0], self.search.direction)
        return found_table(names, self.space, self.examined, self.confirmation, *reading)

    def files(self, names: RunNames) -> Mapping[str, str]:
        """`hypotheses/found.yaml` (where there is one) and `search.json`."""
        texts = {"search.json": json.dumps(self._said(), indent=1) + "\n"}
        written = self.written
        if written:
            texts[f"hypotheses/{NAME}.yaml"] = found_yaml(written, names.experiment)
        return texts

    def _note(self, entry: Entry) -> str:
        """The largest share of the total effect among an entry's paths."""
        shares = self.confirmation.columns()["normalised_effect"]
        rows = [
            number
            for number, each in enumerate(kept(self.examined))
            if entry_holds(entry, each.tail)
        ]
        return f"{max((float(shares[row]) for row in rows), key=abs):.1%} of the total effect"

    def _said(self) -> dict[str, Any]:
        """The search in numbers."""
        q_values = self.confirmation.columns()["q_value"]
        passed = zip(q_values, kept(self.examined), strict=True)
        paths = [q for q, each in passed if each.status is Status.complete]
        levels = sorted({each.level for each in self.examined})
        by_level = [[e for e in self.examined if e.level == level] for level in levels]
        sizes = self.confirmation.sizes
        said: dict[str, Any] = {
            "evaluations": len(self.examined),
            "levels": [{"tests": len(own), "passed": len(kept(own))} for own in by_level],
            "paths": len(paths),
            "confirmed": sum(bool(q <= self.search.alpha) for q in paths),
            "open": sum(each.status is Status.open for each in self.examined),
            "total_effect": float(self.confirmation.totals.sum() / sizes.sum()),
            "selection": list(self.selection_ids),
            "confirmation": list(self.confirmation.pair_ids),
        }
        if self.unexamined is not None:
            said["unexamined"] = {
                "paths": str(self.unexamined.population),
                "sampled": self.unexamined.sampled,
                "exceeding": self.unexamined.exceeding,
                "share_at_most": self.unexamined.share,
                "confidence": CONFIDENCE,
            }
        return said


def search_run(
    config: ExperimentConfig, task: Task, backend: str, journal: Journal, stages: Stages
) -> RunFound:
    """Search on a part of the task's pairs."""
    search = config.search
    assert search is not None
    pairs, graph = task.pairs, Graph(task.model.shape)
    space = space_of(search, graph, pairs.position_names, [])
    split = split_pairs([pair.pair_id for pair in pairs.pairs], search.confirm, config.seed)

    setting = _Setting(config, search, space, backend, journal, stages)
    choosing = _Evaluator(setting, task, _part(pairs, split.selection))
    confirming = _Evaluator(setting, task, _part(pairs, split.confirmation))
    tests = LevelTests(
        choosing.pair_ids, choosing.sizes, choosing.totals(), search.correction, config.seed
    )
    settings = Settings(search.min_share, search.alpha, search.at_most, search.evaluations)
    before = stages.seconds.get("search", 0.0)
    examined = walk(space, settings, tests, choosing)
    seconds = stages.seconds.get("search", 0.0) - before
    _log(examined, len(choosing.pair_ids), seconds)
    passed = [space.path_set(each.tail) for each in kept(examined)]
    confirmation = Confirmation(
        confirming.pair_ids,
        confirming("what passed, on the other pairs", passed),
        confirming.totals(),
        confirming.sizes,
        Draws.of(confirming.pair_ids, config.statistics, config.seed),
        config.seed,
    )
    unexamined = None
    if search.sample:
        rest = draw_rest(space, examined, search.at_most, search.sample, config.seed)
        sums = confirming("random paths of the rest", rest.paths)
        unexamined = bound(rest, sums, confirmation.totals, search.min_share)
    found = (tuple(examined), confirmation, unexamined)
    return RunFound(search, space, *found, choosing.pair_ids, confirming.task)


def with_found(config: ExperimentConfig, inputs: Inputs, found: RunFound) -> Inputs:
    """The inputs again: the hypotheses with the one found, on the pairs that chose nothing."""
    hypotheses = dict(config.hypotheses)
    hypotheses |= {written.name: written.config for written in found.written}
    pairs = found.task.pairs
    if not hypotheses:
        return dataclasses.replace(inputs, pairs=pairs)
    units = list(dict.fromkeys([*config.patch.units, UnitKind.hypothesis]))
    resolved = resolve_hypotheses(
        hypotheses, units, found.space.graph, pairs.position_names, pairs.lengths
    )
    return dataclasses.replace(inputs, pairs=pairs, hypotheses=resolved)


def with_rest(results: Results, graph: Graph) -> Results:
    """The results with a row for all paths but those found. It needs no evaluation: with the rest
    patched in noising, the clean prompt runs through what was found only, and that is what patching
    the found paths in denoising is."""
    whole = [
        number
        for number, unit in enumerate(results.units)
        if unit.hypothesis in (NAME, KEPT) and unit.kind is UnitKind.hypothesis
    ]
    if not whole or len(results.patched) < 2:
        return results
    units = [_rest_of(results.units[number]) for number in whole]
    other = {Direction.noising: Direction.denoising, Direction.denoising: Direction.noising}
    patched = {
        direction: np.concatenate([values, results.patched[other[direction]][whole]])
        for direction, values in results.patched.items()
    }
    counts = results.n_paths
    if counts:
        total = count_paths(everything(graph), graph)
        counts = (*counts, *[total - counts[number] for number in whole])
    return dataclasses.replace(
        results, units=(*results.units, *units), patched=patched, n_paths=counts
    )


def _rest_of(unit: Unit) -> Unit:
    name = f"{unit.hypothesis}{REST}"
    what = f"all paths but {unit.hypothesis}"
    return Unit(name, UnitKind.hypothesis, "rest", what, (), unit.paths)


def everything(graph: Graph) -> PathSet:
    """All paths: `input => logits`."""
    ends = [Steps((StepPattern(frozenset({node})),)) for node in (0, graph.logits)]
    anything = Steps((StepPattern(frozenset(range(1, graph.logits))),))
    return (Route((ends[0], ends[1]), (anything,)),)


def _part(pairs: PairSet, numbers: Sequence[int]) -> PairSet:
    return PairSet(pairs.name, tuple(pairs.pairs[number] for number in numbers))


def _log(examined: Sequence[Examined], n_pairs: int, seconds: float) -> None:
    count = len(examined) * n_pairs
    rate = f", {count / seconds:,.0f} a second" if seconds else ""
    log.info(
        "search: %d path sets on %d pairs: %d evaluations%s; %d paths found, %d stubs left open",
        len(examined),
        n_pairs,
        count,
        rate,
        len(complete(examined)),
        sum(each.status is Status.open for each in examined),
    )


@dataclass(frozen=True)
class _Setting:
    """What all evaluations of a search have in common."""

    config: ExperimentConfig
    search: SearchConfig
    space: Space
    backend: str
    journal: Journal
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


class _Evaluator:
    """Effects of path sets on some of the pairs: the callback of the walk."""

    def __init__(self, setting: _Setting, task: Task, pairs: PairSet) -> None:
        occurring, classes = position_classes(pairs.pairs, setting.space.positions)
        self._alphabet = Alphabet(setting.space.graph, occurring)
        self._setting = setting
        self._direction = setting.search.direction
        self.task = setting.task(task, pairs, classes)
        self.pair_ids = tuple(pair.pair_id for pair in pairs.pairs)
        counts = [len(pair.points) for pair in pairs.pairs]
        self.sizes: Floats = np.array(counts, dtype=np.float64)
        self._owners = np.repeat(np.arange(len(counts)), counts)

    def totals(self) -> Floats:
        """[pair]: the effect of patching every path, summed over its points."""
        totals: Floats = self("all paths", [everything(self._alphabet.graph)])[0]
        return totals

    def __call__(self, what: str, path_sets: Sequence[PathSet]) -> Floats:
        """[set, pair]: effects, summed over the points of each pair."""
        total = evaluations(len(path_sets), self.task, [self._direction])
        parts: list[Floats] = [np.zeros((0, len(self.pair_ids)))]
        with (
            self._setting.stages(f"searching: {what}", "search"),
            self._setting.stages.watch.evaluations(total) as advance,
        ):
            for start in range(0, len(path_sets), MOST_AT_ONCE):
                parts.append(self._chunk(path_sets[start : start + MOST_AT_ONCE], advance))
        return np.concatenate(parts)

    def _chunk(self, path_sets: Sequence[PathSet], advance: Advance) -> Floats:
        """Read back where it was evaluated before; told as done either way."""
        told = 0

        def tell(count: int) -> None:
            nonlocal told
            told += count
            advance(count)

        sums = self._setting.journal.recall(path_sets, lambda: self._sums(path_sets, tell))
        advance(evaluations(len(path_sets), self.task, [self._direction]) - told)
        return sums

    def _sums(self, path_sets: Sequence[PathSet], advance: Advance) -> Floats:
        plan = compile_plan(path_sets, self._alphabet)
        measured = evaluate(self._setting.backend, self.task, plan, [self._direction], advance)
        noising = self._direction is Direction.noising
        start = measured.clean if noising else measured.corrupt
        effects = measured.patched[self._direction][:, 0] - start[0]
        sums = np.zeros((len(path_sets), len(self.pair_ids)))
        np.add.at(sums.T, self._owners, effects.T)
        return sums

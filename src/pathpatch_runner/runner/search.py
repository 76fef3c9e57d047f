"""The search of a run: split the pairs, walk on one part, report on the other.

    split -> walk (on the pairs that choose) -> what passed, on the pairs that chose nothing
          -> random paths of the rest -> a hypothesis `found`, evaluated with the run's own

From here on the run is an ordinary one of the hypotheses on the pairs that chose nothing; what
was found as a whole has its rows in the summary, and so has everything else (`found_rest`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.effects.resampling import Draws
from pathpatch_runner.execute.task import Task
from pathpatch_runner.graph import Graph
from pathpatch_runner.runner.carried import carried_tokens
from pathpatch_runner.runner.found import RunFound
from pathpatch_runner.runner.known import Known
from pathpatch_runner.runner.path_effects import PathEffects, Setting
from pathpatch_runner.runner.stages import Stages
from pathpatch_runner.search.check import space_of
from pathpatch_runner.search.found import Confirmation
from pathpatch_runner.search.level import LevelTests
from pathpatch_runner.search.sample import bound, draw_rest
from pathpatch_runner.search.split import split_pairs
from pathpatch_runner.search.walk import Examined, Settings, Status, complete, kept, walk

log = logging.getLogger("pathpatch_runner")


def search_run(
    config: ExperimentConfig, task: Task, backend: str, known: Known, stages: Stages
) -> RunFound:
    """Search on a part of the task's pairs."""
    search = config.search
    assert search is not None
    pairs, graph = task.pairs, Graph(task.model.shape)
    space = space_of(search, graph, pairs.position_names, [])
    split = split_pairs([pair.pair_id for pair in pairs.pairs], search.confirm, config.seed)

    setting = Setting(config, search, space, backend, known, stages)
    choosing = PathEffects(setting, task, _part(pairs, split.selection))
    confirming = PathEffects(setting, task, _part(pairs, split.confirmation))
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
    with stages("reading what they carry", "search"):
        carried = carried_tokens(confirming, passed)
    unexamined = None
    if search.sample:
        rest = draw_rest(space, examined, search.at_most, search.sample, config.seed)
        sums = confirming("random paths of the rest", rest.paths)
        unexamined = bound(rest, sums, confirmation.totals, search.min_share)
    found = (tuple(examined), confirmation, carried, unexamined)
    return RunFound(search, space, *found, choosing.pair_ids, confirming.task)


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

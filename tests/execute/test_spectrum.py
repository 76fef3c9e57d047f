"""Every short path of a model, one by one, against brute force."""

from __future__ import annotations

import random

import pytest

from execute.executors import BRUTE_FORCE, run
from execute.models import TOLERANCE, specimen
from execute.path_sets import random_pairs
from pathpatch_runner.config import Direction, HypothesisConfig, PathConfig, UnitKind
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis import resolve_hypotheses


@pytest.mark.parametrize("name", ["attention only", "gpt_neox"])
def test_every_short_path(name: str) -> None:
    one = specimen(name)
    graph = Graph(one.model.shape)
    config = HypothesisConfig(paths={"all": PathConfig(every={"at_most": 2})})
    found = resolve_hypotheses({"h": config}, list(UnitKind)[:2], graph, None)
    # One direct path, one through each of the steps, and one through each of the pairs of layers.
    steps = 6 if name == "attention only" else 7
    assert len(found.units) == 1 + 2 * steps + steps**2 + 1
    pairs = random_pairs(random.Random(name), 11, (2,), everywhere=False)
    sets = [unit.paths for unit in found.units]
    directions = [Direction.noising]
    expected = run(BRUTE_FORCE, one, pairs, sets, directions).patched[Direction.noising]
    for executor in ("hooks", "delta"):
        patched = run(executor, one, pairs, sets, directions).patched[Direction.noising]
        assert patched == pytest.approx(expected, abs=TOLERANCE[name])

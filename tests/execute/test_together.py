"""Heads of a layer evaluated together: rows in grids, and every order of products against hooks
and brute force."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from execute.executors import BRUTE_FORCE, run
from execute.models import TOLERANCE, specimen
from execute.path_sets import random_pairs
from execute.test_narrow import single_paths
from pathpatch_runner.config import Direction
from pathpatch_runner.execute.delta.grid import Grid, in_grids, runs_of, times_own
from pathpatch_runner.execute.delta.narrow import NarrowReadings
from pathpatch_runner.execute.delta.reads import Reads
from pathpatch_runner.execute.delta.together import HeadsTogether
from pathpatch_runner.expression.ast import PathSet

CPU = torch.device("cpu")
OWNERS = (
    [0, 0, 2, 2, 2],
    [3],
    [1, 1, 4, 4],
    [5, 0, 5, 0, 5],
    [7, 7, 7, 7, 7, 7, 7, 7, 1, 2, 3, 0],
)


@pytest.mark.parametrize("owners", OWNERS)
def test_each_row_meets_its_own_matrix_once(owners: list[int]) -> None:
    values = torch.arange(2.0 * len(owners)).view(-1, 1, 2)
    matrices = torch.randn(8, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.stack([row @ matrices[own] for row, own in zip(values, owners, strict=True)])
    numbers = np.array(owners)

    def product(grid: Grid, take: Any) -> torch.Tensor:
        rows = take(values)
        # Never much larger than the rows.
        assert rows.shape[0] * rows.shape[1] <= 2 * len(owners)
        return torch.einsum("opkd,odm->opkm", rows, matrices[torch.as_tensor(grid.used)])

    assert torch.allclose(in_grids(numbers, CPU, product), expected)
    assert torch.allclose(times_own(values, numbers, lambda own: matrices[own]), expected)


def test_runs_of_ascending_owners() -> None:
    found = [(own, rows.start, rows.stop) for own, rows in runs_of(np.array([0, 0, 2, 5, 5, 5]))]
    assert found == [(0, 0, 2), (2, 2, 3), (5, 3, 6)]


def patched(name: str, sets: list[PathSet], executor: str, everywhere: bool) -> Any:
    pairs = random_pairs(random.Random(4), 11, (5, 4, 5), everywhere=everywhere)
    found = run(executor, specimen(name), pairs, sets, list(Direction)).patched
    return np.stack([found[direction] for direction in Direction])


def force(monkeypatch: pytest.MonkeyPatch, *, first: bool, wide: bool) -> None:
    """`first`: mixed before projected; `wide`: queries and values through wide rows."""
    monkeypatch.setattr(HeadsTogether, "_few", lambda *_: first)
    monkeypatch.setattr(HeadsTogether, "_few_values", lambda *_: first)
    queried = Reads.wide if wide else Reads.normed
    monkeypatch.setattr(Reads, "queried", lambda self, *given: queried(self, *given[:-1]))
    monkeypatch.setattr(NarrowReadings, "_by_pairs", lambda *_: not wide)


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "gptj", "native rotary grouped", "llama"])
@pytest.mark.parametrize("everywhere", [True, False])
def test_every_order_of_products_gives_the_same(
    name: str, everywhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = single_paths(specimen(name).model, 60)
    expected = patched(name, sets, "hooks", everywhere)
    assert patched(name, sets, "delta", everywhere) == pytest.approx(expected, abs=TOLERANCE[name])
    for first in (True, False):
        for wide in (True, False):
            with monkeypatch.context() as patch:
                force(patch, first=first, wide=wide)
                found = patched(name, sets, "delta", everywhere)
            assert found == pytest.approx(expected, abs=TOLERANCE[name])


@pytest.mark.parametrize("first", [True, False])
def test_every_order_of_products_against_brute_force(
    first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = single_paths(specimen("gpt_neox").model, 40)
    expected = patched("gpt_neox", sets, BRUTE_FORCE, False)
    force(monkeypatch, first=first, wide=first)
    found = patched("gpt_neox", sets, "delta", False)
    assert found == pytest.approx(expected, abs=TOLERANCE["gpt_neox"])

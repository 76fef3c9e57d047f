"""Halves of pairs."""

from __future__ import annotations

import pytest

from pathpatch_runner.search.split import split_pairs


def test_every_pair_is_on_one_side() -> None:
    split = split_pairs([str(n) for n in range(20)], 0.25, 0)
    assert sorted(split.selection + split.confirmation) == list(range(20))
    assert len(split.confirmation) == 5


def test_the_split_depends_on_ids_and_seed_only() -> None:
    ids = [str(n) for n in range(12)]
    split, turned = split_pairs(ids, 0.5, 3), split_pairs(ids[::-1], 0.5, 3)
    assert {ids[n] for n in split.selection} == {ids[::-1][n] for n in turned.selection}
    assert split != split_pairs(ids, 0.5, 4)


def test_corruptions_of_one_prompt_stay_together() -> None:
    ids = [f"{n}:{name}" for n in range(6) for name in ("abc", "swap")]
    split = split_pairs(ids, 0.5, 1)
    prompts = {ids[n].partition(":")[0] for n in split.selection}
    assert len(prompts) == 3
    assert prompts.isdisjoint(ids[n].partition(":")[0] for n in split.confirmation)


@pytest.mark.parametrize("seed", range(20))
def test_templates_are_divided_alike(seed: int) -> None:
    ids = [f"{name}-{n}" for name in ("door", "shop", "tree") for n in range(6)]
    split = split_pairs(ids, 0.5, seed)
    for name in ("door", "shop", "tree"):
        assert sum(ids[n].startswith(name) for n in split.confirmation) == 3


@pytest.mark.parametrize("confirm", [0.01, 0.99])
def test_neither_side_is_empty(confirm: float) -> None:
    for seed in range(10):
        split = split_pairs(["0", "1", "2"], confirm, seed)
        assert split.selection
        assert split.confirmation

"""The rest of a search: what is drawn of it, and the bound on what it shows."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from pathpatch_runner.expression.canonical import canonical
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.search.sample import Rest, bound, clopper_pearson, draw_rest
from pathpatch_runner.search.tail import Space, Step
from pathpatch_runner.search.walk import Examined, Status

GRAPH = Graph(ModelShape(2, 2, 8, 4, 11, 8, attn_only=True))
SPACE = Space(GRAPH, tuple(range(1, GRAPH.logits)))
N_SEEDS = 1000


def of_at_most(hits: int, n: int, share: float) -> float:
    """The chance of `hits` or fewer."""
    return sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(hits + 1))


@pytest.mark.parametrize(("hits", "n"), [(0, 299), (1, 10), (3, 50), (9, 10)])
def test_at_the_bound_so_few_hits_come_up_in_a_twentieth_of_draws(hits: int, n: int) -> None:
    assert of_at_most(hits, n, clopper_pearson(hits, n)) == pytest.approx(0.05, abs=1e-9)


def test_none_of_299_bounds_the_share_by_one_percent() -> None:
    assert clopper_pearson(0, 299) == pytest.approx(1 - 0.05 ** (1 / 299))
    assert clopper_pearson(0, 299) <= 0.01 < clopper_pearson(0, 298)
    assert clopper_pearson(4, 4) == 1.0
    assert clopper_pearson(0, 0) == 1.0


@pytest.mark.parametrize("share", [0.005, 0.02, 0.3])
def test_the_bound_is_below_the_truth_in_at_most_a_twentieth_of_seeds(share: float) -> None:
    hits = np.random.default_rng(0).binomial(299, share, N_SEEDS)
    below = np.mean([clopper_pearson(int(count), 299) < share for count in hits])
    assert below <= 0.05 + 3 * (0.05 * 0.95 / N_SEEDS) ** 0.5


def test_paths_that_exceed_the_least_share_are_counted() -> None:
    """Of a total of 10, a tenth is 1: two of four paths reach it, whatever their sign."""
    totals = np.array([4.0, 6.0])
    sums = np.array([[0.5, 0.5], [-0.5, -0.6], [0.4, 0.5], [0.0, 0.0]])
    found = bound(Rest(1000, ()), sums, totals, 0.1)
    assert (found.population, found.sampled, found.exceeding) == (1000, 4, 2)
    assert found.share == clopper_pearson(2, 4)


def examined(*steps: Step) -> Examined:
    tail = (Step(0), *steps, Step(GRAPH.logits))
    return Examined(tail, None, 0, 1.0, 1.0, 0.0, 0.0, 1, Status.complete, "")


def test_the_rest_is_every_path_that_was_not_evaluated() -> None:
    """Two heads of three slots in each of two layers: 1 + 12 + 36 paths, of which two are known."""
    known = [examined(), examined(Step(GRAPH.index["a0.h1"], "v"))]
    rest = draw_rest(SPACE, known, 2, 100, 0)
    assert rest.population == 49 - 2
    texts = {canonical(paths, GRAPH) for paths in rest.paths}
    assert len(texts) == 47
    assert not texts & {"input->logits", "input->a0.h1<v>->logits"}


def test_a_sample_of_the_rest_depends_on_the_seed_only() -> None:
    first, again, other = (draw_rest(SPACE, [], 2, 10, seed).paths for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == 10

"""What a search did not look at: random paths from the rest, and a bound on what they show.

A search by steps misses paths whose beginning looks like nothing. How many could there be? Draw `n`
of the paths it did not evaluate, uniformly from all that it might have found, and evaluate each on
its own: of `n` paths `k` exceed `min_share`. Then, with 95% confidence, the share of such paths
among the rest is at most the Clopper-Pearson bound: the share at which `k` or fewer of `n` would
still come up in 5% of draws. With 299 paths of which none exceeds, it is 1%.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.count import count_paths, draw_paths
from pathpatch_runner.expression.single import SinglePath, single_route
from pathpatch_runner.hypothesis.spectrum import Spectrum
from pathpatch_runner.search.tail import Space
from pathpatch_runner.search.walk import Examined

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rest:
    """Paths drawn from those that were not evaluated. `population`: how many there are."""

    population: int
    paths: tuple[PathSet, ...]


@dataclass(frozen=True)
class Bound:
    """`exceeding` of `sampled` paths have at least `min_share` of the total effect; `share` of the
    population of `population` paths: the upper bound."""

    population: int
    sampled: int
    exceeding: int
    share: float


def draw_rest(space: Space, examined: Sequence[Examined], at_most: int, n: int, seed: int) -> Rest:
    """Up to `n` distinct single paths that the search did not evaluate, of at most so many nodes
    between their ends, through its nodes. Positions do not tell paths apart here."""
    union = Spectrum(space.graph, at_most, space.through, (), space.apart).union()
    known = {path for each in examined for path in _single(space, each)}
    population = count_paths(union, space.graph) - len(known)
    drawn = draw_paths(union, space.graph, n + len(known), seed, distinct=True)
    fresh = [path for path in drawn if path not in known][:n]
    return Rest(population, tuple((single_route(path, space.graph),) for path in fresh))


def _single(space: Space, one: Examined) -> list[SinglePath]:
    """The path that was evaluated, where it is a single one."""
    placed = any(step.read or step.write for step in one.tail)
    if not space.is_complete(one.tail) or placed:
        return []
    nodes = space.graph.nodes
    path = []
    for step in one.tail:
        slots = nodes[step.node].slots
        if step.slot is None and len(slots) > 1:
            return []
        path.append((step.node, slots.index(step.slot) if step.slot else 0))
    return [tuple(path)]


def bound(rest: Rest, sums: Floats, totals: Floats, min_share: float) -> Bound:
    """`sums` [path, pair]: effects of the drawn paths; `totals` [pair]: the total effect."""
    least = min_share * abs(totals.sum())
    exceeding = int(np.count_nonzero(np.abs(sums.sum(-1)) >= least))
    share = clopper_pearson(exceeding, len(sums))
    return Bound(rest.population, len(sums), exceeding, share)


def clopper_pearson(hits: int, n: int, confidence: float = CONFIDENCE) -> float:
    """The one-sided upper bound of a share, of `hits` among `n` (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    if hits >= n:
        return 1.0
    return float(betaincinv(hits + 1, n - hits, confidence))

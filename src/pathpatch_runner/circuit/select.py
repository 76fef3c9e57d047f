"""Choosing edges by score: the best, greedily from the logits, or all above a threshold.

- `top`: the n edges of the largest score.
- `greedy`: n times the best edge into a node already reached; at first that is `logits` alone, and
  an edge reaches its writer (all slots of it, as in EAP-IG).
- `threshold`: every edge of at least a given score.

`absolute` compares |score|. Equal scores are taken in the order of the edges' numbers
(`circuit.edges`): by reader, then by writer. Choosing is nested, so one *ranking* serves every
size: the first n of it are the choice of n. What lies on no way from `input` to `logits` is dropped
afterwards, by `circuit_of`: a circuit may have fewer edges than were chosen.
"""

from __future__ import annotations

import heapq

import numpy as np

from pathpatch_runner.circuit.edges import Edges, Mask, Numbers, Scores

MIB_SIZES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares of all edges at which the MIB benchmark compares circuits."""


def ranking(edges: Edges, scores: Scores, *, greedy: bool, absolute: bool) -> Numbers:
    """[edge]: the numbers of all edges, the first choice first. `scores` must be finite."""
    assert np.isfinite(scores).all(), "scores are checked before anything is chosen by them"
    keys = np.abs(scores) if absolute else scores
    order = np.argsort(-keys, kind="stable")
    return _greedy(edges, order) if greedy else order


def _greedy(edges: Edges, order: Numbers) -> Numbers:
    """Best first from the logits. `order`: all edges, best first."""
    graph = edges.graph
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    into: list[list[int]] = [[] for _ in graph.nodes]
    for number in order.tolist():
        into[edges.reader[number]].append(int(rank[number]))
    waiting = list(into[graph.logits])
    reached = {0, graph.logits}
    taken = []
    while waiting:
        number = int(order[heapq.heappop(waiting)])
        taken.append(number)
        writer = int(edges.writer[number])
        if writer not in reached:
            reached.add(writer)
            for place in into[writer]:
                heapq.heappush(waiting, place)
    return np.array(taken)


def first(edges: Edges, ranked: Numbers, share: float) -> Mask:
    """[edge]: the first int(share x all edges) of a ranking."""
    return edges.mask(ranked[: int(share * len(edges))])


def above(scores: Scores, threshold: float, *, absolute: bool) -> Mask:
    """[edge]: scores of at least `threshold`."""
    chosen: Mask = (np.abs(scores) if absolute else scores) >= threshold
    return chosen

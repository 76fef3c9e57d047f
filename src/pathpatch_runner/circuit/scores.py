"""Scores of all edges of a graph, by the name of the method that made them.

A score estimates, in the metric's unit, the mean effect of patching that edge alone. `EdgeScores`
is what selection reads, wherever the scores are from: a file, or this very run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.circuit.edges import Numbers, Scores, edges_of
from pathpatch_runner.circuit.names import listed
from pathpatch_runner.errors import CircuitError, did_you_mean
from pathpatch_runner.graph import Graph

_STREAM = 0x5C08E5
"""Keeps these draws apart from others of the same seed."""


@dataclass(frozen=True)
class EdgeScores:
    """`methods`: name -> float64 [edge] over the edges of the graph, NaN where there is none."""

    graph: Graph
    methods: Mapping[str, Scores]

    def by(self, method: str | None, where: str) -> Scores:
        """The scores of a method, all of them finite. None: of the only method there is.

        `where`: the config key that names the method. Raises CircuitError for an unknown method,
        and for edges without a finite score.
        """
        name = self._name(method, where)
        scores = self.methods[name]
        missing = np.flatnonzero(~np.isfinite(scores))
        if len(missing):
            names = [edges_of(self.graph).names[number] for number in missing]
            every = f"all {len(scores):,} edges" if len(missing) == len(scores) else ""
            raise CircuitError(
                f"{where}: {every or _count(len(missing), 'edge')} of this model "
                f'{"has" if len(missing) == 1 else "have"} no finite score by "{name}": '
                f"{listed(names)}. To choose by score, every edge of the model needs one",
                names,
            )
        return scores

    def _name(self, method: str | None, where: str) -> str:
        known = list(self.methods)
        if method is None and len(known) == 1:
            return known[0]
        if not known:
            raise CircuitError(
                f"{where}: no edge has a score to select by. Only a graph JSON can say scores, a "
                "text file and a list of edges cannot. Add them, or leave select and sizes out"
            )
        if method is None:
            raise CircuitError(
                f"{where}: say by which scores. There are {len(known)}: {', '.join(known)}"
            )
        if method not in known:
            raise CircuitError(
                f'{where}: no scores by "{method}".{did_you_mean(method, known)} '
                f"There are: {', '.join(known)}"
            )
        return method


def random_scores(graph: Graph, seed: int) -> Scores:
    """A draw for every edge, to compare other scores with. The same for one seed and graph."""
    generator = np.random.default_rng([seed, _STREAM])
    return generator.standard_normal(len(edges_of(graph)))


def sampled_edges(graph: Graph, count: int, seed: int) -> Numbers:
    """Numbers of `count` different edges (all of them, if there are fewer), ascending; the same for
    one seed and graph."""
    generator = np.random.default_rng([seed, _STREAM, 1])
    total = len(edges_of(graph))
    return np.sort(generator.permutation(total)[: min(count, total)])


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"

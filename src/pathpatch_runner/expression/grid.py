"""How a path set lies on a model: how many of its paths pass through each node and edge.

The count of paths through a node is (ways to come from `logits` to it) x (ways to go on from it to
`input`), summed over the states of the automaton that it is reached in. Ways to go on are the
completions of `count`; ways to come are added up stage by stage, from the last one down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pathpatch_runner.expression.alphabet import bits
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.count import Completions
from pathpatch_runner.graph import Graph


@dataclass(frozen=True)
class PathGrid:
    """`total`: paths of the set. `through[node]`: how many pass the node, through any slot,
    exactly. `edges` [writer, reader]: the share of all paths that take an edge between the two,
    through any slot; 0 where none does."""

    graph: Graph
    total: int
    through: tuple[int, ...]
    edges: npt.NDArray[np.float64]

    def share(self, node: int) -> float:
        """The share of the paths that pass a node."""
        return self.through[node] / self.total if self.total else 0.0


def path_grid(paths: PathSet, graph: Graph) -> PathGrid:
    """Where the paths of a set lie."""
    return _Sweep(paths, graph).run()


class _Sweep:
    """From the last stage down to `input`. `came[state]`: ways to come to a state by the stages
    done; `last[state]` [node]: the shares of these by the node of the step read last (shares, since
    the numbers can be too large for floats)."""

    def __init__(self, paths: PathSet, graph: Graph) -> None:
        self._graph = graph
        self._completions = Completions(paths, graph)
        self._total = self._completions.total
        self._through = [0] * len(graph.nodes)
        self._edges = np.zeros((len(graph.nodes), len(graph.nodes)))
        self._came: dict[int, int] = {self._completions.automaton.start: 1}
        self._last: dict[int, npt.NDArray[np.float64]] = {}

    def run(self) -> PathGrid:
        """Sweep, if there is anything to find."""
        if self._total:
            for stage in reversed(range(len(self._graph.stages))):
                self._stage(stage)
        return PathGrid(self._graph, self._total, tuple(self._through), self._edges)

    def _stage(self, stage: int) -> None:
        """Steps of one stage: none of them reads another, so all count from what came before."""
        in_stage = self._completions.alphabet.stage_masks[stage]
        came = dict(self._came)
        last = {state: ways.copy() for state, ways in self._last.items()}
        for state, ways in came.items():
            for mask, target in self._completions.parts(state):
                steps = mask & in_stage
                after = self._completions.after(target, stage) if steps else 0
                if after:
                    self._take(steps, target, ways, after, last.get(state))

    def _take(
        self,
        steps: int,
        target: int,
        ways: int,
        after: int,
        readers: npt.NDArray[np.float64] | None,
    ) -> None:
        if target not in self._last:
            self._last[target] = np.zeros(len(self._graph.nodes))
        before = self._came.get(target, 0)
        now = before + ways * steps.bit_count()
        self._came[target] = now
        arrived = self._last[target]
        arrived *= before / now
        for step in bits(steps):
            node, _ = self._completions.alphabet.steps[step]
            self._through[node] += ways * after
            arrived[node] += ways / now
            if readers is not None:
                self._edges[node] += readers * (ways * after / self._total)

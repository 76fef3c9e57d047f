"""All single paths with few nodes between their ends, as units: what an entry with `every` is.

Rows stand in the order of their length, then of their nodes. Their variables are `n1`, `n1.slot`,
`n2`, ...: the nodes between, from the input on, with the slot where it is said (and `s`, the
sender, where there are senders). GPT-2 small has 91,231 paths of at most two nodes: nothing here
is done twice for a step, and paths are made from arrays of step numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pathpatch_runner.config import UnitKind
from pathpatch_runner.expression.ast import PathSet, Route, StepPattern, Steps
from pathpatch_runner.expression.canonical import canonical
from pathpatch_runner.expression.single import step_of, step_text
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.unit import Unit

SENDER = "s"


@dataclass(frozen=True)
class Spectrum:
    """An `every` on a model. `senders` empty: the paths begin at `input`. `through`: nodes."""

    graph: Graph
    at_most: int
    through: tuple[int, ...]
    senders: tuple[int, ...]
    apart: bool

    @cached_property
    def steps(self) -> tuple[tuple[int, int | None], ...]:
        """(node, slot) of every step that may stand between, in the order of nodes; slot None:
        any."""
        return tuple(
            (node, slot)
            for node in self.through
            for slot in (range(len(self.graph.nodes[node].slots)) if self.apart else [None])
        )

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The nodes at which paths begin."""
        return self.senders or (0,)

    @cached_property
    def _stages(self) -> np.ndarray:
        return np.array([self.graph.stage_of[node] for node, _ in self.steps], dtype=np.int64)

    def count(self) -> int:
        """How many paths, exactly, without making them."""
        stage_of = self.graph.stage_of
        ways = dict.fromkeys(range(len(self.graph.stages)), 0)
        for start in self.starts:
            ways[stage_of[start]] += 1
        total = sum(ways.values())
        for _ in range(self.at_most):
            longer = dict.fromkeys(ways, 0)
            for node, _ in self.steps:
                longer[stage_of[node]] += sum(ways[stage] for stage in range(stage_of[node]))
            ways = longer
            total += sum(ways.values())
        return total

    def chains(self) -> Iterator[np.ndarray]:
        """[path, 1 + nodes between] for 0, 1, ... nodes between: the number of the start in
        `starts`, then numbers of steps."""
        starts = np.array([self.graph.stage_of[node] for node in self.starts], dtype=np.int64)
        chains = np.arange(len(starts))[:, None]
        last = starts
        yield chains
        for _ in range(self.at_most):
            first = np.searchsorted(self._stages, last, side="right")
            following = len(self._stages) - first
            rows = np.repeat(np.arange(len(chains)), following)
            offset = np.arange(len(rows)) - np.repeat(np.cumsum(following) - following, following)
            steps = first[rows] + offset
            chains = np.concatenate([chains[rows], steps[:, None]], axis=1)
            last = self._stages[steps]
            yield chains

    def union(self) -> PathSet:
        """All paths together, in few routes: whichever slots, each step set is all of `through`."""
        start = Steps((StepPattern(frozenset(self.starts)),))
        between = Steps((StepPattern(frozenset(self.through)),))
        end = Steps((StepPattern(frozenset({self.graph.logits})),))
        return tuple(
            Route((start, *[between] * length, end), (None,) * (length + 1))
            for length in range(self.at_most + 1)
        )


def spectrum_units(hypothesis: str, name: str, spectrum: Spectrum) -> Iterator[Unit]:
    """A unit for each path. `path_id`: the entry's name with the path, as in families."""
    graph = spectrum.graph
    end = step_of(graph.logits, None, graph)
    starts = [step_of(node, None, graph) for node in spectrum.starts]
    steps = [step_of(node, slot, graph) for node, slot in spectrum.steps]
    texts = [step_text(node, slot, graph) for node, slot in spectrum.steps]
    names = [graph.nodes[node].name for node in spectrum.starts]
    heads = [((SENDER, text),) if spectrum.senders else () for text in names]
    for length, chains in enumerate(spectrum.chains()):
        links = (None,) * (length + 1)
        bound = [_bindings(spectrum, place + 1) for place in range(length)]
        for start, *between in chains.tolist():
            path = "->".join([names[start], *[texts[step] for step in between], "logits"])
            binding = heads[start]
            for place, step in enumerate(between):
                binding += bound[place][step]
            route = Route((starts[start], *[steps[step] for step in between], end), links)
            path_id = f"{name}[{path}]"
            yield Unit(hypothesis, UnitKind.path, path_id, path, binding, (route,), name)


def spectrum_text(spectrum: Spectrum) -> str:
    """All paths together."""
    return canonical(spectrum.union(), spectrum.graph)


def _bindings(spectrum: Spectrum, place: int) -> list[tuple[tuple[str, str], ...]]:
    """By step: what the variables of the node at a place are bound to."""
    nodes = spectrum.graph.nodes
    found = []
    for node, slot in spectrum.steps:
        binding: tuple[tuple[str, str], ...] = ((f"n{place}", nodes[node].name),)
        if slot is not None and nodes[node].slots[slot]:
            binding += ((f"n{place}.slot", nodes[node].slots[slot]),)
        found.append(binding)
    return found

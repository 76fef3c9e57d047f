"""Treeified path patching by enumerating every path: the specification, in a few lines.

`written(node, suffix, position)` is the value that the copy of `node` which serves the path
suffix `suffix` writes at `position`. Each slot of it reads the sum of what all earlier nodes
write for the suffix longer by one step; at `input` the suffix is a whole path, and carries the
patched prompt if it is in the set, else the base prompt. A path is a tuple of `Visit`s from
`input` to `logits`.

The paths of a model are the same for every set and direction, so one walk over them serves all:
every value has the axes [set, direction], noising (base clean) and denoising (base corrupt).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from pathpatch_runner.circuit import Circuit
from pathpatch_runner.expression.ast import PathSet, Position, Route, StepPattern, Steps, Successors
from pathpatch_runner.graph import Graph, NodeKind
from reference.enumerated import in_circuit
from reference.reference_model import ReferenceModel


@dataclass(frozen=True)
class Visit:
    """One step of a path: node index, slot, position read (None for `input`), written."""

    node: int
    slot: str
    read: int | None
    write: int


Path = tuple[Visit, ...]
Locate = Callable[[Position], int | None]


def in_path_set(path: Path, paths: PathSet, locate: Locate) -> bool:
    """Whether a whole path (from `input` to `logits`) is in the set, straight from the grammar."""
    return any(_contains(path, member, locate) for member in paths)


def _contains(path: Path, member: Route | Successors, locate: Locate) -> bool:
    if isinstance(member, Circuit):
        return in_circuit(member, tuple((visit.node, visit.slot) for visit in path))
    assert isinstance(member, Route)
    return _starts(path, member, locate)


def _starts(path: Path, route: Route, locate: Locate) -> bool:
    """The route may begin at `input`, or at any later visit with everything upstream implied."""
    return any(_follows(path, start, route, 0, locate) for start in range(len(path)))


def _follows(path: Path, at: int, route: Route, number: int, locate: Locate) -> bool:
    """Whether path[at:] can be read as sets[number] links[number] sets[number + 1] ...

    A crossing reads no visit: it says something of the edge between path[at - 1] and path[at].
    """
    steps = route.sets[number]
    if steps.crossing:
        if at == 0 or at == len(path) or not _crosses(path[at - 1], path[at], steps, locate):
            return False
    elif at == len(path) or not _matches(path[at], steps, locate):
        return False
    following = at if steps.crossing else at + 1
    if number == len(route.sets) - 1:
        return following == len(path)
    link = route.links[number]
    while not _follows(path, following, route, number + 1, locate):
        if following == len(path) or link is None or not _matches(path[following], link, locate):
            return False
        following += 1
    return True


def _crosses(writer: Visit, reader: Visit, steps: Steps, locate: Locate) -> bool:
    below = {node for pattern in steps.patterns for node in pattern.nodes}
    return reader.node not in below and _matches(writer, steps, locate)


def _matches(visit: Visit, steps: Steps, locate: Locate) -> bool:
    found = any(_pattern_matches(visit, pattern, locate) for pattern in steps.patterns)
    return found != steps.negated


def _pattern_matches(visit: Visit, pattern: StepPattern, locate: Locate) -> bool:
    if visit.node not in pattern.nodes:
        return False
    if pattern.slots is not None and visit.slot not in pattern.slots:
        return False
    if pattern.write is not None and locate(pattern.write) != visit.write:
        return False
    if pattern.read is not None and (visit.read is None or locate(pattern.read) != visit.read):
        return False
    if pattern.back is None:
        return True
    if visit.read is None:
        return False
    return pattern.back[0] <= visit.write - visit.read <= pattern.back[1]


@dataclass(frozen=True)
class Treeified:
    """The model, both prompts' input writes [pos, d_model], the path sets."""

    model: ReferenceModel
    graph: Graph
    clean: torch.Tensor
    corrupt: torch.Tensor
    sets: Sequence[PathSet]
    locate: Locate

    @torch.no_grad()
    def logits(self, position: int) -> torch.Tensor:
        """Logits [set, direction, d_vocab] at a position."""
        visit = Visit(self.graph.logits, "", position, position)
        return self.model.logits(self._stream((visit,), position))

    def _stream(self, suffix: Path, position: int) -> torch.Tensor:
        """What the first visit of the suffix reads at `position`: [set, direction, d_model]."""
        stage = self.graph.stage_of[suffix[0].node]
        total = self.model.constant(self.graph, stage)
        for node in range(len(self.graph.nodes)):
            if self.graph.stage_of[node] < stage:
                total = total + self._written(node, suffix, position)
        return total

    def _written(self, node: int, suffix: Path, position: int) -> torch.Tensor:
        kind = self.graph.nodes[node].kind
        layer = self.graph.nodes[node].layer
        if kind is NodeKind.input:
            path = (Visit(node, "", None, position), *suffix)
            runs = torch.stack([self.clean[position], self.corrupt[position]])
            inside = [in_path_set(path, paths, self.locate) for paths in self.sets]
            return torch.stack([runs.flip(0) if each else runs for each in inside])
        if kind is NodeKind.mlp:
            visit = Visit(node, "", position, position)
            return self.model.mlp(layer, self._stream((visit, *suffix), position))

        def read(slot: str, places: Sequence[int]) -> torch.Tensor:
            return torch.stack(
                [self._stream((Visit(node, slot, j, position), *suffix), j) for j in places]
            )

        keys = range(position + 1) if self.model.causal else range(len(self.clean))
        return self.model.attention(
            layer,
            None if kind is NodeKind.attention else self.graph.nodes[node].head,
            position,
            list(keys),
            read("q", [position])[0],
            read("k", keys),
            read("v", keys),
        )

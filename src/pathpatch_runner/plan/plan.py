"""The plan: which versions of which nodes to evaluate, and which streams they read and write.

Every path either carries the *patched* prompt (it is in the path set S) or the *base* prompt
(it is not): noising has base = clean and patched = corrupt, denoising the reverse. A plan does
not know the direction.

A *version* is a node's value for one set of upstream paths. `BASE` and `PATCHED` are the
versions (and streams) of the two plain runs; any other version is *mixed*: it is evaluated
once, on the streams its `readings` name. A *stream* is a copy of the residual stream: `parent`
up to `stage`, then the writes of that stage; every write not named, there and above, is BASE.
Ids index `Plan.versions` and `Plan.streams`, whose first two entries stand for BASE and PATCHED.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pathpatch_runner.expression.alphabet import BackClass, PositionClass
from pathpatch_runner.graph import Graph

BASE = 0
PATCHED = 1

Reading = tuple[tuple[int, ...], ...]
"""Stream read by [back class][position class read]. Slots that read where they write (`q`, an
MLP, `logits`) hold one row of one stream: their position class is the version's own."""


@dataclass(frozen=True)
class Version:
    """A mixed node value. `readings`: one per slot of the node."""

    node: int
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class Stream:
    """A mixed stream. `writes`: node -> version by position class written, of `stage` only."""

    stage: int
    parent: int
    writes: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Plan:
    """`outputs[unit][position class]`: the stream that the unit's logits read there."""

    graph: Graph
    position_classes: tuple[PositionClass, ...]
    back_classes: tuple[BackClass, ...]
    versions: tuple[Version, ...]
    streams: tuple[Stream, ...]
    outputs: tuple[tuple[int, ...], ...]

    @cached_property
    def mixed_evaluations(self) -> int:
        """Node evaluations the plan asks for, the logits of every unit among them."""
        logits = {stream for output in self.outputs for stream in output if stream > PATCHED}
        return len(self.versions) - 2 + len(logits)

    def reads(self, version: int) -> set[int]:
        """Streams a version reads."""
        return {
            stream
            for reading in self.versions[version].readings
            for row in reading
            for stream in row
        }

    def lineage(self, stream: int) -> list[int]:
        """The stream and its ancestors, nearest first, without BASE and PATCHED."""
        found = []
        while stream > PATCHED:
            found.append(stream)
            stream = self.streams[stream].parent
        return found

    def root(self, stream: int) -> int:
        """BASE or PATCHED: what the stream is before its first own write."""
        while stream > PATCHED:
            stream = self.streams[stream].parent
        return stream

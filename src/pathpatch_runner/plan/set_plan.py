"""The plan of one path set: the versions of nodes and the streams that its evaluation needs.

A *version* is a value of a node in which clean and corrupt are mixed, and a *stream* a sum of such
writes; the runs that mix nothing are BASE and PATCHED. `compile_set` makes the plan.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathpatch_runner.expression.alphabet import Alphabet

BASE = 0
PATCHED = 1

Reading = tuple[tuple[int, ...], ...]
"""Streams read by one slot: [back class][position class read]. Slots that read where they write
(`q`, an MLP, `logits`) hold one row of one stream: their position class is the version's own."""

Readings = tuple[Reading, ...]


@dataclass(frozen=True)
class Version:
    """A mixed node value. `readings`: one per slot of the node."""

    node: int
    readings: Readings


@dataclass(frozen=True)
class Stream:
    """A mixed stream. `writes`: node -> version by position class written, of `stage` only."""

    stage: int
    parent: int
    writes: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True)
class SetPlan:
    """`versions`, `streams`: by id, the first two standing for BASE and PATCHED. `output`: the
    stream that the logits read, by position class."""

    alphabet: Alphabet
    versions: tuple[Version, ...]
    streams: tuple[Stream, ...]
    output: tuple[int, ...]

    def reads(self, version: int) -> set[int]:
        """Streams a version reads."""
        readings = self.versions[version].readings
        return {stream for reading in readings for row in reading for stream in row}

    def needed_streams(self) -> set[int]:
        """Mixed streams that the output is made of."""
        streams: set[int] = set()
        versions: set[int] = set()
        waiting = list(self.output)
        while waiting:
            stream = waiting.pop()
            if stream <= PATCHED or stream in streams:
                continue
            streams.add(stream)
            waiting.append(self.streams[stream].parent)
            written = {v for _, row in self.streams[stream].writes for v in row if v > PATCHED}
            for version in written - versions:
                waiting.extend(self.reads(version))
            versions |= written
        return streams

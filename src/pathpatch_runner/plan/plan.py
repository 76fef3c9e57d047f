"""The plan: which versions of which nodes to evaluate, and which streams they read and write.

Every path either carries the *patched* prompt (it is in the path set) or the *base* prompt (it is
not): noising has base = clean and patched = corrupt, denoising the reverse. A plan does not know
the direction.

A *version* is the value of a node for one set of upstream paths. A *stream* is a copy of the
residual stream: it is its parent up to a stage, and from there on the base run plus what it names.
So a stream that continues BASE at stage 3 with one write is the base run, except for that write;
nodes of stage 4 that it does not name write into it what they write in the base run.

Versions and streams are numbered from 2 in the order of their stages, since 0 (`BASE`) and 1
(`PATCHED`) stand for the versions and streams of the two plain runs. They are held by stage:

    nodes   [version]                      the node of every version
    reads   [version, slot, back, class]   the streams it reads
    parent  [stream]                       the stream it continues
    writes  [stream, node of stage, class] the version written, BASE where none

`class` counts position classes. Keys and values are read at other positions than the node writes
at, so they have a row for every back class (range of distances) and, in it, an entry for every
class of the position *read*. A query, an MLP or the logits read where they write: all their rows
and entries are the same stream, that of the position class the version itself belongs to.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.plan.set_plan import BASE, PATCHED, SetPlan

SLOTS = 3
"""Slots of `Stage.reads`: queries, keys, values; an MLP has its one slot in the first place."""


@dataclass(frozen=True)
class Stage:
    """Versions and streams of one stage; ids count from `first_version`, `first_stream`."""

    nodes: np.ndarray
    reads: np.ndarray
    parent: np.ndarray
    writes: np.ndarray
    first_version: int
    first_stream: int

    @property
    def version_ids(self) -> np.ndarray:
        """Ids of the stage's versions."""
        return np.arange(self.first_version, self.first_version + len(self.nodes))

    @property
    def stream_ids(self) -> np.ndarray:
        """Ids of the stage's streams."""
        return np.arange(self.first_stream, self.first_stream + len(self.parent))


@dataclass(frozen=True)
class Plan:
    """`stages[stage]`; `outputs` [unit, class]: the stream that a unit's logits read there.

    `orbit_of` [unit]: the number of the unit's orbit, `orbits`: the plan of one path set of each
    (`plan.orbits`; for the text of plan.txt and the cost of a naive tool, never evaluated).
    """

    alphabet: Alphabet
    stages: tuple[Stage, ...]
    outputs: np.ndarray
    orbit_of: np.ndarray
    orbits: tuple[SetPlan, ...] = ()

    @property
    def n_units(self) -> int:
        """Path sets of the plan."""
        return len(self.outputs)

    @property
    def n_classes(self) -> int:
        """Position classes."""
        return int(self.outputs.shape[1])

    @cached_property
    def n_versions(self) -> int:
        """Mixed node evaluations, without logits."""
        return sum(len(stage.nodes) for stage in self.stages)

    @cached_property
    def n_streams(self) -> int:
        """Mixed streams."""
        return sum(len(stage.parent) for stage in self.stages)

    @cached_property
    def mixed_evaluations(self) -> int:
        """Node evaluations the plan asks for, the logits of every mixed output among them."""
        return self.n_versions + int((np.unique(self.outputs) > PATCHED).sum())

    @property
    def reads_by_distance(self) -> bool:
        """Whether any version reads other keys or values at one distance than at another."""
        return any(bool((stage.reads != stage.reads[:, :, :1]).any()) for stage in self.stages)

    @cached_property
    def by_orbit(self) -> np.ndarray:
        """Numbers of the units, those of one orbit together: they share most of what they need."""
        return np.argsort(self.orbit_of, kind="stable")

    def select(self, units: np.ndarray, classes: np.ndarray | None = None) -> Plan:
        """The plan of some units, in the given order, with only what they need, renumbered.

        `classes`: bool [class], the position classes at which logits are wanted (None: all); the
        outputs of other classes become BASE, and what only they needed goes.
        """
        outputs = self.outputs[units]
        if classes is not None:
            outputs = np.where(classes[None, :], outputs, BASE)
        streams, versions = self._needed(outputs)
        stream_ids, version_ids = np.cumsum(streams) - 1, np.cumsum(versions) - 1
        stages = []
        for stage in self.stages:
            kept, used = streams[stage.stream_ids], versions[stage.version_ids]
            stages.append(
                Stage(
                    nodes=stage.nodes[used],
                    reads=stream_ids[stage.reads[used]],
                    parent=stream_ids[stage.parent[kept]],
                    writes=version_ids[stage.writes[kept]],
                    first_version=int(versions[: stage.first_version].sum()),
                    first_stream=int(streams[: stage.first_stream].sum()),
                )
            )
        return dataclasses.replace(
            self,
            stages=tuple(stages),
            outputs=stream_ids[outputs],
            orbit_of=self.orbit_of[units],
        )

    def _needed(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bool [stream], bool [version]: what reading the streams `outputs` needs."""
        streams = np.zeros(self.n_streams + 2, dtype=bool)
        versions = np.zeros(self.n_versions + 2, dtype=bool)
        streams[outputs] = True
        for stage in reversed(self.stages):
            streams[stage.parent[streams[stage.stream_ids]]] = True
            versions[stage.writes[streams[stage.stream_ids]]] = True
            streams[stage.reads[versions[stage.version_ids]]] = True
        streams[:2] = versions[:2] = True
        return streams, versions

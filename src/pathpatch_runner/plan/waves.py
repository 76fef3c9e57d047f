"""Waves: which versions can be evaluated together, whatever their stage.

The first wave is of all versions that read base and patched only, the next of those that read what
the first one wrote, and so on. Two nodes between the ends make two waves, however deep the model:

    input -> a0.h1 -> a5.h0 -> logits      wave 1: a0.h1, a3.h2      12 layers have 24 stages
    input -> a3.h2 -> m7    -> logits      wave 2: a5.h0, m7

A wave of many versions is parted, so that what they write need not be held all at once.
"""

from __future__ import annotations

import numpy as np

from pathpatch_runner.graph import Graph, NodeKind
from pathpatch_runner.plan.extent import Extent
from pathpatch_runner.plan.plan import Plan, Stage
from pathpatch_runner.plan.set_plan import PATCHED

FEWER = 2
"""Stages for each wave from which on waves are taken: with as many waves as stages, versions of one
node would be torn apart for nothing."""
WAVE_ELEMENTS = 2**20
"""Elements of a pair that the versions of a step of a wave may write, before it is parted."""


def waves_of(plan: Plan, extent: Extent) -> tuple[np.ndarray, np.ndarray] | None:
    """The step of every version and stream by wave; None where waves are not few, or where what is
    written in one of them is taken in another."""
    versions = np.zeros(plan.n_versions + 2, dtype=np.int64)
    streams = np.zeros(plan.n_streams + 2, dtype=np.int64)
    for stage in plan.stages:
        if len(stage.nodes):
            read = streams[stage.reads.reshape(len(stage.nodes), -1)]
            versions[stage.version_ids] = read.max(axis=1) + 1
        _spread(stage, versions, streams)
    stages = sum(len(stage.nodes) > 0 for stage in plan.stages)
    if int(versions.max()) * FEWER > stages:
        return None
    versions = _parted(plan, extent, versions)
    streams[:] = 0
    for stage in plan.stages:
        _spread(stage, versions, streams)
        if not _at_once(stage, versions, streams):
            return None
    return versions, streams


def _spread(stage: Stage, versions: np.ndarray, streams: np.ndarray) -> None:
    """A stream is made when the last of what it is made of is there."""
    if len(stage.parent):
        written = versions[stage.writes.reshape(len(stage.parent), -1)].max(axis=1)
        streams[stage.stream_ids] = np.maximum(written, streams[stage.parent])


def _at_once(stage: Stage, versions: np.ndarray, streams: np.ndarray) -> bool:
    """Whether the streams of a stage are made in the steps of the versions that they take, so that
    no write has to be kept for later."""
    taken = versions[stage.writes]
    here = streams[stage.stream_ids].reshape(-1, *[1] * (taken.ndim - 1))
    return bool(((taken == here) | (stage.writes <= PATCHED)).all())


def _parted(plan: Plan, extent: Extent, waves: np.ndarray) -> np.ndarray:
    """[version]: steps, in the order of the waves, none of which writes much."""
    widths = _widths(plan.alphabet.graph)
    sizes = extent.versions.sum(axis=1).astype(np.float64)
    for stage in plan.stages:
        sizes[stage.version_ids] *= widths[stage.nodes]
    order = np.argsort(waves, kind="stable")
    before = np.cumsum(sizes[order]) - sizes[order]
    first = np.searchsorted(waves[order], waves[order])
    part = ((before - before[first]) // WAVE_ELEMENTS).astype(np.int64)
    new = np.append(False, (np.diff(waves[order]) != 0) | (np.diff(part) != 0))
    found = np.empty_like(waves)
    found[order] = np.cumsum(new)
    return found


def _widths(graph: Graph) -> np.ndarray:
    """[node]: elements of what it writes at a position, as it is kept."""
    head, model = graph.shape.d_head, graph.shape.d_model
    return np.array([head if node.kind is NodeKind.head else model for node in graph.nodes])

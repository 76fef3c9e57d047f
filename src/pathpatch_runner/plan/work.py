"""How much of the work each part of a plan is: what progress is reckoned by.

Units do not take equally long. Of `s -> r<q> => logits`, one with `r` in layer 2 evaluates every
layer from there on, one with `r` in layer 10 only the last ones. Counted one by one, the first half
of the units may be nine tenths of the time. So a unit counts by the operations of what is evaluated
for it, and within a chunk of units a step by those of its versions, streams and logits.

Operations are those of `plan.cost`. They are compared with each other and with nothing else, so
what takes little (norms, softmax, copies) and what all have in common (the pairs) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.cost import node_flops, version_flops
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.set_plan import PATCHED, SetPlan
from pathpatch_runner.plan.sums import continued_adds, sum_adds


@dataclass(frozen=True)
class ChunkWork:
    """Operations of a chunk for one pair. `steps` [step]: all of a step; `versions` [version]:
    one version at one position; `output`: the logits of one stream."""

    steps: np.ndarray
    versions: np.ndarray
    output: float


def work_of(chunk: Chunk, output: float) -> ChunkWork:
    """The operations of a chunk, if the logits of a stream take `output`."""
    plan, extent = chunk.plan, chunk.extent
    graph, schedule = plan.alphabet.graph, chunk.schedule
    versions = np.zeros(plan.n_versions + 2)
    steps = _streams(chunk) * 2.0 * graph.shape.d_model
    is_output = np.zeros(plan.n_streams + 2, dtype=bool)
    is_output[plan.outputs] = True
    for stage in plan.stages:
        ids = stage.version_ids
        versions[ids] = version_flops(graph, stage, 1)
        np.add.at(steps, schedule.of_version[ids], versions[ids] * extent.versions[ids].sum(1))
        continued = stage.stream_ids[~chunk.sums.summed[stage.stream_ids]]
        np.add.at(steps, schedule.of_stream[continued], output * is_output[continued])
    for one in chunk.sums.sums:
        np.add.at(steps, one.born, output * is_output[one.streams])
    return ChunkWork(steps, versions, output)


def _streams(chunk: Chunk) -> np.ndarray:
    """[step]: multiply-adds, for an entry of d_model, of making the streams. Where streams are
    sums, steps are stages."""
    plan, extent, schedule = chunk.plan, chunk.extent, chunk.schedule
    work = np.zeros(len(schedule.steps))
    for number, stage in enumerate(plan.stages):
        adds = continued_adds(plan, number, extent) * ~chunk.sums.summed[stage.stream_ids]
        np.add.at(work, schedule.of_stream[stage.stream_ids], adds)
    for one in chunk.sums.sums:
        writes, made = sum_adds(plan.alphabet.graph, extent, one)
        np.add.at(work, one.stages, writes)
        np.add.at(work, one.born, made)
    return work


def unit_work(plan: Plan) -> np.ndarray:
    """[unit]: the operations of each unit alone at one position; of equal size where the plan does
    not know its orbits."""
    if not plan.orbits:
        return np.ones(plan.n_units)
    of_orbit = np.array([_alone(one) for one in plan.orbits], dtype=np.float64)
    return np.asarray(of_orbit[plan.orbit_of])


def _alone(one: SetPlan) -> float:
    """Versions that are mixed, each with its mixed slots, and the logits as one row."""
    graph = one.alphabet.graph
    total = 2.0 * graph.shape.d_model
    for version in one.versions[PATCHED + 1 :]:
        slots = sum(
            any(stream > PATCHED for row in reading for stream in row)
            for reading in version.readings
        )
        total += node_flops(graph.shape, graph.nodes[version.node], slots, 1)
    return total

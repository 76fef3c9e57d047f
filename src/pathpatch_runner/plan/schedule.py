"""The order in which a chunk is evaluated: steps, each of versions and of the streams they write.

By *stage*, as a rule: a step is a stage of the model, and all versions of a node are evaluated at
once. What a stage evaluates for one path alone is little, and there are many stages. Where paths
are short and unrelated, steps are *waves* instead (`waves`).

Of a stream that is base and what one head writes the plan's arrays are flattened (`OneHead`): such
streams of all stages are made together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.plan.extent import Extent
from pathpatch_runner.plan.plan import Plan, Stage
from pathpatch_runner.plan.set_plan import BASE
from pathpatch_runner.plan.sums import Sums
from pathpatch_runner.plan.waves import waves_of

Three = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class OneHead:
    """Streams `ids` [n] that are base and what one head writes: `versions` [n] of `nodes` [n]."""

    ids: np.ndarray
    nodes: np.ndarray
    versions: np.ndarray


@dataclass(frozen=True)
class Step:
    """`versions` [n]: ids, with `nodes` [n] and `reads` [n, slot, back, class] as in `Stage`. Then
    the streams: `one_head`, and (number, rows) of other streams of stages, by stage; none that is
    made as a sum."""

    versions: np.ndarray
    nodes: np.ndarray
    reads: np.ndarray
    one_head: OneHead
    others: tuple[tuple[int, np.ndarray], ...]


@dataclass(frozen=True)
class Schedule:
    """`steps`; `of_version`, `of_stream` [id]: the step in which it is made; `last_use` [stream]:
    the last step that reads or continues it, -1 where none does."""

    steps: tuple[Step, ...]
    of_version: np.ndarray
    of_stream: np.ndarray
    last_use: np.ndarray


def schedule_of(plan: Plan, extent: Extent, sums: Sums) -> Schedule:
    """Waves, where they are few; else stages, and so wherever streams are sums of writes."""
    of = None if sums.sums else waves_of(plan, extent)
    of_version, of_stream = of or _by_stage(plan)
    n_steps = len(plan.stages) if of is None else 1 + int(max(of_version.max(), of_stream.max()))
    steps = _steps(plan, sums, of_version, of_stream, n_steps)
    return Schedule(steps, of_version, of_stream, _last_use(plan, steps))


def _by_stage(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """The stage of every version and stream."""
    versions = np.zeros(plan.n_versions + 2, dtype=np.int64)
    streams = np.zeros(plan.n_streams + 2, dtype=np.int64)
    for number, stage in enumerate(plan.stages):
        versions[stage.version_ids] = number
        streams[stage.stream_ids] = number
    return versions, streams


def _steps(
    plan: Plan, sums: Sums, of_version: np.ndarray, of_stream: np.ndarray, n_steps: int
) -> tuple[Step, ...]:
    versions = _versions(plan, of_version, n_steps)
    one_head, others = _streams(plan, sums, of_stream, n_steps)
    return tuple(
        Step(*versions[number], OneHead(*one_head[number]), tuple(others[number]))
        for number in range(n_steps)
    )


def _versions(plan: Plan, of_version: np.ndarray, n_steps: int) -> list[Three]:
    """(ids, nodes, reads) of the versions of each step."""
    found: list[list[Three]] = [[] for _ in range(n_steps)]
    for stage in plan.stages:
        for step, rows in _parts(of_version[stage.version_ids]):
            found[step].append((stage.version_ids[rows], stage.nodes[rows], stage.reads[rows]))
    first = plan.stages[0]
    nothing = first.version_ids[:0], first.nodes[:0], first.reads[:0]
    return [_joined(parts or [nothing]) for parts in found]


def _streams(
    plan: Plan, sums: Sums, of_stream: np.ndarray, n_steps: int
) -> tuple[list[Three], list[list[tuple[int, np.ndarray]]]]:
    """Of each step: (ids, nodes, versions) of streams of one head; (stage, rows) of others."""
    graph = plan.alphabet.graph
    heads = np.array(graph.head_numbers) >= 0
    one_head: list[list[Three]] = [[] for _ in range(n_steps)]
    others: list[list[tuple[int, np.ndarray]]] = [[] for _ in range(n_steps)]
    for number, stage in enumerate(plan.stages):
        nodes, written = _sole_writes(stage, graph.stages[number][0])
        sole = (nodes >= 0) & heads[nodes]
        kept = ~sums.summed[stage.stream_ids]
        for step, rows in _parts(of_stream[stage.stream_ids]):
            some = rows[sole[rows] & kept[rows]]
            if len(some):
                one_head[step].append((stage.stream_ids[some], nodes[some], written[some]))
            rest = rows[~sole[rows] & kept[rows]]
            if len(rest):
                others[step].append((number, rest))
    none = np.zeros(0, dtype=np.int64)
    return [_joined(parts or [(none, none, none)]) for parts in one_head], others


def _sole_writes(stage: Stage, first: int) -> tuple[np.ndarray, np.ndarray]:
    """[stream]: the node whose write alone makes it differ from base, and the version; -1 where
    there is more, or positions are told apart."""
    if stage.writes.shape[2] > 1 or not len(stage.parent):
        none = np.full(len(stage.parent), -1)
        return none, none
    writes = stage.writes[:, :, 0]
    sole = (stage.parent == BASE) & ((writes != BASE).sum(axis=1) == 1)
    columns = writes.argmax(axis=1)
    versions = writes[np.arange(len(writes)), columns]
    return np.where(sole, columns + first, -1), np.where(sole, versions, -1)


def _parts(steps: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(step, numbers of those that are of it)."""
    for step in np.unique(steps).tolist():
        yield step, np.flatnonzero(steps == step)


def _joined(parts: Sequence[Three]) -> Three:
    first, second, third = (np.concatenate(each) for each in zip(*parts, strict=True))
    return parts[0] if len(parts) == 1 else (first, second, third)


def _last_use(plan: Plan, steps: tuple[Step, ...]) -> np.ndarray:
    last = np.full(plan.n_streams + 2, -1)
    for number, step in enumerate(steps):
        last[np.unique(step.reads)] = number
        for stage, rows in step.others:
            last[np.unique(plan.stages[stage].parent[rows])] = number
    return last

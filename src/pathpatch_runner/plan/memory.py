"""How much memory a plan takes, in tensor elements, before anything runs and without weights.

Counted step by step for the `delta` executor: the differences of all streams alive, the writes
that streams are sums of, the versions being evaluated, and the temporaries of the widest step
(bounded by the workspace).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pathpatch_runner.graph import ModelShape
from pathpatch_runner.plan.chunk import Chunk, make_chunk
from pathpatch_runner.plan.extent import BatchPositions, is_attention
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.set_plan import PATCHED
from pathpatch_runner.plan.sums import kept_writes

GIB = 2**30
TEMPORARIES = 3
"""Copies of the streams read by a step that are alive at once: gathered, normed, projected."""


def plain_elements(shape: ModelShape, length: int) -> int:
    """What the plain runs keep of one pair of prompts: streams, writes, queries, keys, values."""
    width = 4 * shape.n_heads * shape.d_head + 4 * shape.d_model
    return 2 * length * width * shape.n_layers


def peak_elements(chunk: Chunk, n_pairs: int) -> int:
    """The most tensor elements alive at once, without the workspace and the plain runs."""
    plan, extent = chunk.plan, chunk.extent
    graph = plan.alphabet.graph
    stream_rows = extent.streams.sum(axis=1) * n_pairs * graph.shape.d_model
    version_rows = extent.versions.sum(axis=1) * n_pairs
    born, last = chunk.schedule.of_stream, chunk.schedule.last_use
    peak = 0
    for number, step in enumerate(chunk.schedule.steps):
        alive = int(stream_rows[(born <= number) & (last >= number)].sum())
        read = np.unique(step.reads)
        read = read[read > PATCHED]
        temporaries = TEMPORARIES * int(stream_rows[read].sum())
        heads = is_attention(graph, step.nodes)
        width = np.where(heads, graph.shape.d_head * 4, graph.shape.d_model)
        versions = int((version_rows[step.versions] * width).sum())
        writes = n_pairs * graph.shape.d_model * kept_writes(chunk.sums, number)
        peak = max(peak, alive + temporaries + versions + writes)
    return peak


def memory_estimate(
    plan: Plan, batches: Iterable[tuple[BatchPositions, int]], itemsize: int
) -> str:
    """What `delta` would need for all units at once, on the most demanding batch.

    `batches`: (positions, number of pairs) of every prompt length; `itemsize`: bytes of a number.
    """
    shape = plan.alphabet.graph.shape
    largest, runs = 0, 0
    for positions, n_pairs in batches:
        chunk = make_chunk(plan, np.arange(plan.n_units), positions)
        largest = max(largest, peak_elements(chunk, n_pairs))
        runs = max(runs, n_pairs * plain_elements(shape, positions.length))
    return (
        f"{_gib(runs * itemsize)} for the plain runs, {_gib(largest * itemsize)} for all units at "
        "once; in chunks that fit runtime.memory_gb"
    )


def _gib(size: int) -> str:
    return f"{size / GIB:.2f} GiB"

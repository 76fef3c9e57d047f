"""The `delta` executor: all units of a plan table on all pairs.

Pairs are taken by length, in batches; per batch and noise draw the two plain runs are made
once, for both directions; units are taken in chunks that fit the memory budget.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from pathpatch_runner.config import Direction, Source
from pathpatch_runner.dataset import group_by_length
from pathpatch_runner.execute.batch import Batch, make_batch
from pathpatch_runner.execute.delta.chunks import (
    Chunk,
    copied_elements,
    make_chunk,
    plain_elements,
    unit_chunks,
)
from pathpatch_runner.execute.delta.extent import Places
from pathpatch_runner.execute.delta.outputs import Outputs, Readout
from pathpatch_runner.execute.delta.runs import Runs, plain_runs
from pathpatch_runner.execute.delta.stages import StageLoop
from pathpatch_runner.execute.task import Advance, Measured, Task, empty_measured
from pathpatch_runner.model.nodes import NodeFunctions, embed, node_functions
from pathpatch_runner.plan.table import PlanTable

log = logging.getLogger(__name__)

CPU_WORKSPACE = 2**22
CUDA_WORKSPACE = 2**27
"""Elements a temporary tensor may have: small enough for a CPU's caches, large enough to fill a
card."""
WORKSPACES = 2
"""Temporary tensors alive at once."""
BATCH_TOKENS = 4096
"""Tokens of the pairs of one batch on a CPU, beyond which larger batches gain nothing."""


@dataclass
class Trace:
    """What was evaluated: versions by node name, and how often chunks had to be halved."""

    versions: Counter[str] = field(default_factory=Counter)
    halved: int = 0


def evaluate_delta(
    task: Task,
    table: PlanTable,
    directions: Sequence[Direction],
    advance: Advance = lambda _: None,
    trace: Trace | None = None,
) -> Measured:
    """Values of all units, in the table's order. `advance(n)` is called as evaluations finish."""
    measured = empty_measured(task, len(table.outputs), directions)
    with torch.no_grad():
        functions: dict[int, NodeFunctions] = {}
        for batch in _batches(task, table):
            length = batch.clean.shape[1]
            if length not in functions:
                # Of one length at a time: they hold the weights a second time.
                functions.clear()
                functions[length] = node_functions(task.model, length)
            for draw in range(task.source.draws):
                _BatchRun(
                    task, table, functions[length], batch, draw, measured, trace or Trace()
                ).run(directions, advance)
    return measured


def _batches(task: Task, table: PlanTable) -> list[Batch]:
    """All pairs in batches whose plain runs take at most a third of the budget, as far as the
    weights leave it."""
    shape = table.alphabet.graph.shape
    found = []
    for group in group_by_length(task.pairs.pairs):
        length = len(task.pairs.pairs[group[0]].clean)
        free = _elements(task) - copied_elements(shape)
        most = max(1, free // 3 // plain_elements(shape, length))
        if task.model.device.type == "cpu":
            most = min(most, max(1, BATCH_TOKENS // length))
        found += [
            make_batch(task.pairs.pairs, group[at : at + most], task.classes, task.model.device)
            for at in range(0, len(group), most)
        ]
    return found


def _elements(task: Task) -> int:
    return task.budget.bytes // task.model.dtype.itemsize


def workspace_of(task: Task) -> int:
    """Elements a temporary tensor may have."""
    largest = CPU_WORKSPACE if task.model.device.type == "cpu" else CUDA_WORKSPACE
    return int(min(largest, max(_elements(task) // 8, 1)))


class _BatchRun:
    """All units on one batch, for one noise draw."""

    def __init__(
        self,
        task: Task,
        table: PlanTable,
        functions: NodeFunctions,
        batch: Batch,
        draw: int,
        measured: Measured,
        trace: Trace,
    ) -> None:
        self._task = task
        self._table = table
        self._batch = batch
        self._draw = draw
        self._measured = measured
        self._trace = trace
        self._functions = functions
        self._classes = batch.classes.cpu().numpy()
        self._positions = batch.positions.cpu().numpy()
        self._point_classes = self._classes[batch.rows.cpu().numpy(), self._positions]
        self._places = self._find_places()

    def _find_places(self) -> Places:
        batch = self._batch
        differs = (batch.clean != batch.corrupt).any(0).cpu().numpy()
        if self._task.source.kind is not Source.corrupt:
            differs = np.ones_like(differs)
        n_classes = self._table.outputs.shape[1]
        classes = np.stack([(self._classes == c).any(0) for c in range(n_classes)])
        points = np.zeros_like(classes)
        points[self._point_classes, self._positions] = True
        return Places(differs, classes, points)

    def run(self, directions: Sequence[Direction], advance: Advance) -> None:
        """Fill in the measured values of the batch."""
        began = time.perf_counter()
        clean_first = self._plain_runs()
        readout = Readout(
            self._functions.logits, self._batch, self._task.metrics, workspace_of(self._task)
        )
        plain = self._measure_plain(clean_first, readout)
        self._measured.baseline_seconds += time.perf_counter() - began
        shape, length = self._task.model.shape, self._batch.clean.shape[1]
        spent = copied_elements(shape) + WORKSPACES * workspace_of(self._task)
        spent += self._batch.n_pairs * plain_elements(shape, length)
        budget = max(_elements(self._task) - spent, 1)
        chunks = list(unit_chunks(self._table, self._places, self._batch.n_pairs, budget))
        for direction in directions:
            noising = direction is Direction.noising
            runs = clean_first if noising else clean_first.swapped()
            values = plain if noising else plain.flip(0)
            constants = self._task.source.constants(self._batch)
            for chunk in chunks:
                self._evaluate(chunk, runs.with_constants(constants), values, readout, direction)
                advance(len(chunk.units) * self._batch.n_pairs)
        readout.check_finite()

    def _plain_runs(self) -> Runs:
        """Clean and corrupt, in this order."""
        batch, task = self._batch, self._task
        noise = task.source.noise(batch, self._draw)
        corrupt = batch.corrupt if noise is None else batch.clean
        ids = torch.cat([batch.clean, corrupt])
        hooks: list[tuple[str, Callable[..., torch.Tensor]]] = []
        if noise is not None:
            hooks = [(task.model.sites.embed, _adding(torch.cat([torch.zeros_like(noise), noise])))]
        embedded = embed(task.model, ids, hooks).unflatten(0, (2, -1))
        self._measured.forward_passes += 1
        return plain_runs(self._functions, task.model.shape, embedded)

    def _measure_plain(self, runs: Runs, readout: Readout) -> torch.Tensor:
        """Values [2, metric, point] of the clean and the corrupt run."""
        batch = self._batch
        final = runs.stream[-1][:, batch.rows, batch.positions]
        readout.remember_clean(final[0])
        points = torch.arange(readout.n_points, device=final.device)
        plain = readout.measure(final, points)
        numbers = batch.numbers.cpu().numpy()
        draws = self._task.source.draws
        for target, values in zip(
            (self._measured.clean, self._measured.corrupt), plain.cpu().numpy(), strict=True
        ):
            target[:, numbers] += values / draws
        return plain

    def _evaluate(
        self,
        chunk: Chunk,
        runs: Runs,
        plain: torch.Tensor,
        readout: Readout,
        direction: Direction,
    ) -> None:
        try:
            values = self._values(chunk, runs, plain, readout)
        except RuntimeError as error:
            if not _is_out_of_memory(error) or len(chunk.units) == 1:
                raise
            log.warning("out of memory with %d units at once: halved", len(chunk.units))
            self._trace.halved += 1
            for half in np.array_split(chunk.units, 2):
                smaller = make_chunk(self._table, half, self._places)
                self._evaluate(smaller, runs, plain, readout, direction)
            return
        numbers = self._batch.numbers.cpu().numpy()
        target = self._measured.patched[direction]
        target[chunk.units[:, None, None], np.arange(values.shape[1])[:, None], numbers] += (
            values / self._task.source.draws
        )

    def _values(
        self, chunk: Chunk, runs: Runs, plain: torch.Tensor, readout: Readout
    ) -> np.ndarray:
        outputs = Outputs(
            readout,
            runs.stream[-1][0],
            plain,
            chunk.table.outputs,
            self._point_classes,
            self._batch,
            chunk.table.n_streams + 2,
        )
        loop = StageLoop(
            self._functions,
            runs,
            chunk.table,
            chunk.extent,
            self._batch.classes,
            self._places.classes,
            outputs.finish,
            workspace_of(self._task),
        )
        loop.run()
        self._trace.versions.update(loop.evaluated)
        return outputs.values()


def _adding(noise: torch.Tensor) -> Callable[..., torch.Tensor]:
    def add(values: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        return values + noise

    return add


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.cuda.OutOfMemoryError) or "can't allocate memory" in str(error)

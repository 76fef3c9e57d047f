"""The loop over steps (`plan.schedule`): evaluate the step's versions, write them into its streams,
and hand finished streams to the logits. A stream is continued from its parent, or made as a sum of
writes once it is complete (`plan.sums`). Streams are forgotten after their last reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import torch

from pathpatch_runner.execute.delta.deltas import Deltas, Selection
from pathpatch_runner.execute.delta.grid import runs_of
from pathpatch_runner.execute.delta.heads import StepHeads, narrow_of
from pathpatch_runner.execute.delta.host import rows_of
from pathpatch_runner.execute.delta.runs import evaluate_mlp
from pathpatch_runner.execute.delta.setting import Setting
from pathpatch_runner.execute.delta.sums import SummedStreams
from pathpatch_runner.execute.delta.tally import Tally
from pathpatch_runner.execute.delta.writes import Writes
from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.extent import groups_of, is_attention
from pathpatch_runner.plan.schedule import OneHead, Step

Finish = Callable[[np.ndarray, torch.Tensor, Selection, np.ndarray | None], None]
"""Stream ids [n], their difference [n, B, P, d_model] at the end of the model, and where; with
writers [n], in place of the difference the change of their z [n, B, P, D]."""


class StepLoop:
    """A chunk of units on one batch. `evaluated` counts version rows by node name; `tally` is told
    what is done."""

    def __init__(self, setting: Setting, chunk: Chunk, finish: Finish, tally: Tally) -> None:
        plan = chunk.plan
        self._functions = setting.functions
        self._runs = setting.runs
        self._workspace = setting.workspace
        self._n_pairs = setting.batch.n_pairs
        self._plan = plan
        self._graph = plan.alphabet.graph
        self._schedule = chunk.schedule
        self._extent = chunk.extent
        self._finish = finish
        self._tally = tally
        self._device = setting.batch.classes.device
        self._head_numbers = np.array(self._graph.head_numbers)
        self._narrow = narrow_of(setting, chunk)
        writers = None if self._narrow is None else self._narrow.writers
        self._streams = Deltas(plan.n_streams + 2, self._device, writers)
        self._written = Deltas(plan.n_versions + 2, self._device)
        self._heads = StepHeads(setting, chunk, self._streams, self._written, tally)
        self._writes = Writes(setting, self._graph, self._streams, self._written)
        self._sums = SummedStreams(setting, chunk.sums, chunk.extent, self._writes)
        self._last_use = chunk.schedule.last_use
        self._is_output = np.zeros(plan.n_streams + 2, dtype=bool)
        self._is_output[np.unique(plan.outputs)] = True
        self.evaluated: Counter[str] = Counter()

    def run(self) -> None:
        """Evaluate everything."""
        for number, step in enumerate(self._schedule.steps):
            self._versions(step)
            self._one_head_streams(number, step.one_head)
            for stage, rows in step.others:
                self._continue_streams(number, stage, rows)
            self._sum_streams(number)
            self._streams.release(self._last_use > number)
            self._written.release(np.zeros(self._plan.n_versions + 2, dtype=bool))
            self._tally.step(number)

    def _versions(self, step: Step) -> None:
        """Evaluate the step's versions, wherever they differ and are needed."""
        attention = is_attention(self._graph, step.nodes)
        for positions, members in groups_of(self._extent.versions[step.versions]):
            if not positions.any():
                continue
            chosen = Selection(positions, self._device)
            heads = members[attention[members]]
            if len(heads):
                self._heads.evaluate(step, heads, chosen)
            mlps = members[~attention[members]]
            for node, rows in runs_of(step.nodes[mlps]):
                self._mlp(step, node, mlps[rows], chosen)
        for node, count in zip(*np.unique(step.nodes, return_counts=True), strict=True):
            self.evaluated[self._graph.nodes[int(node)].name] += int(count)

    def _mlp(self, step: Step, node: int, members: np.ndarray, positions: Selection) -> None:
        """Versions of one MLP."""
        layer, number = self._graph.nodes[node].layer, self._graph.stage_of[node]
        part = self._functions.mlp[layer]
        base = positions.take(self._runs.mlp[layer][0])
        reads, ids = step.reads[members, 0, 0], step.versions[members]
        width = max(self._graph.shape.d_mlp, self._graph.shape.d_model)
        size = max(1, self._workspace // (width * base.shape[0] * len(positions)))
        change = base.new_empty(len(members), *base.shape)
        for start in range(0, len(members), size):
            stream = self._heads.reads.stream(number, reads[start : start + size], positions)
            written = evaluate_mlp(part, stream.flatten(0, -2)).view(stream.shape)
            torch.sub(written, base, out=change[start : start + size])
            self._tally.versions(ids[start : start + size], len(positions))
        self._written.put(ids, change, positions)

    def _one_head_streams(self, number: int, streams: OneHead) -> None:
        """Streams that are base and what one head writes: narrow, where that can be read."""
        if self._narrow is None:
            stages = np.array(self._graph.stage_of)[streams.nodes]
            for stage, some in runs_of(stages):
                first = self._plan.stages[stage].first_stream
                self._continue_streams(number, stage, streams.ids[some] - first)
            return
        for positions, members in groups_of(self._extent.streams[streams.ids]):
            if not positions.any():
                continue
            chosen = Selection(positions, self._device)
            nodes, ids = streams.nodes[members], streams.ids[members]
            for rows, change in self._writes.of_heads(streams.versions[members], nodes, chosen):
                writers = self._head_numbers[nodes[rows]]
                self._streams.put(ids[rows], change, chosen, writers)
                self._finish_outputs(ids[rows], change, chosen, writers)

    def _continue_streams(self, number: int, stage_number: int, rows: np.ndarray) -> None:
        """Streams of a stage: their parents' differences and the changes written."""
        stage = self._plan.stages[stage_number]
        ids = stage.stream_ids
        wrote = np.asarray(stage.writes.any(axis=2))
        # What is continued in a later stage may be so in the same step.
        lasting = self._last_use[ids] >= number
        for positions, some in groups_of(self._extent.streams[ids[rows]]):
            at = rows[some]
            if not positions.any():
                continue
            chosen = Selection(positions, self._device)
            width = self._n_pairs * len(chosen) * self._graph.shape.d_model
            size = max(self._workspace // 4 // width, 1)
            for columns, of in groups_of(wrote[at]):
                members = at[of]
                kept, passing = members[lasting[members]], members[~lasting[members]]
                if len(kept):
                    delta = self._writes.differences(stage_number, stage, kept, columns, chosen)
                    self._streams.put(ids[kept], delta, chosen)
                    self._finish_outputs(ids[kept], delta, chosen)
                for start in range(0, len(passing), size):
                    some = passing[start : start + size]
                    delta = self._writes.differences(stage_number, stage, some, columns, chosen)
                    self._finish_outputs(ids[some], delta, chosen)

    def _sum_streams(self, number: int) -> None:
        """The streams born at a stage that are sums of writes: then steps are stages."""
        for ids, delta, chosen in self._sums.after(number):
            if (self._last_use[ids] > number).any():
                self._streams.put(ids, delta, chosen)
            self._finish_outputs(ids, delta, chosen)

    def _finish_outputs(
        self,
        ids: np.ndarray,
        delta: torch.Tensor,
        positions: Selection,
        writers: np.ndarray | None = None,
    ) -> None:
        done = np.flatnonzero(self._is_output[ids])
        if len(done) == len(ids):
            self._finish(ids, delta, positions, writers)
            self._tally.outputs(len(ids))
        elif len(done):
            some = None if writers is None else writers[done]
            self._finish(ids[done], rows_of(delta, done), positions, some)
            self._tally.outputs(len(done))

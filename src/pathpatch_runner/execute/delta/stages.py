"""The loop over stages: evaluate the stage's versions, write them into its streams, and hand
finished streams to the logits. A stream is continued from its parent, or made as a sum of writes
once it is complete (`plan.sums`). Streams are forgotten after their last reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import torch

from pathpatch_runner.execute.delta.deltas import Deltas, Selection
from pathpatch_runner.execute.delta.heads import StageHeads, narrow_of
from pathpatch_runner.execute.delta.host import rows_of
from pathpatch_runner.execute.delta.runs import evaluate_mlp
from pathpatch_runner.execute.delta.setting import Setting
from pathpatch_runner.execute.delta.sums import SummedStreams
from pathpatch_runner.execute.delta.tally import Tally
from pathpatch_runner.execute.delta.writes import Writes
from pathpatch_runner.graph import NodeKind
from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.extent import groups_of, is_attention
from pathpatch_runner.plan.plan import Stage
from pathpatch_runner.plan.set_plan import BASE, PATCHED
from pathpatch_runner.plan.sums import last_uses

Finish = Callable[[np.ndarray, torch.Tensor, Selection, np.ndarray | None], None]
"""Stream ids [n], their difference [n, B, P, d_model] at the end of the model, and where; with
writers [n], in place of the difference the change of their z [n, B, P, D]."""


class StageLoop:
    """A chunk of units on one batch. `evaluated` counts version rows by node name; `tally` is told
    what is done."""

    def __init__(self, setting: Setting, chunk: Chunk, finish: Finish, tally: Tally) -> None:
        plan = chunk.plan
        self._functions = setting.functions
        self._runs = setting.runs
        self._workspace = setting.workspace
        self._classes = setting.batch.classes
        self._plan = plan
        self._graph = plan.alphabet.graph
        self._extent = chunk.extent
        self._finish = finish
        self._tally = tally
        self._device = self._classes.device
        self._narrow = narrow_of(setting, chunk)
        writers = None if self._narrow is None else self._narrow.writers
        self._streams = Deltas(plan.n_streams + 2, self._device, writers)
        self._written = Deltas(plan.n_versions + 2, self._device)
        self._heads = StageHeads(setting, chunk, self._streams, self._written, tally)
        self._writes = Writes(setting, self._graph, self._streams, self._written)
        self._sums = SummedStreams(setting, chunk.sums, chunk.extent, self._writes)
        self._continued = ~chunk.sums.summed
        self._last_use = last_uses(plan, chunk.sums)
        self._is_output = np.zeros(plan.n_streams + 2, dtype=bool)
        self._is_output[np.unique(plan.outputs)] = True
        self.evaluated: Counter[str] = Counter()

    def run(self) -> None:
        """Evaluate everything."""
        for number, stage in enumerate(self._plan.stages):
            if len(stage.nodes):
                self._versions(number, stage)
            if len(stage.parent):
                self._continue_streams(number, stage)
            self._sum_streams(number)
            self._streams.release(self._last_use > number)
            self._written.release(np.zeros(self._plan.n_versions + 2, dtype=bool))
            self._tally.stage(number)

    def _versions(self, number: int, stage: Stage) -> None:
        """Evaluate the stage's versions, wherever they differ and are needed."""
        attention = is_attention(self._graph, stage.nodes)
        for positions, members in groups_of(self._extent.versions[stage.version_ids]):
            if not positions.any():
                continue
            chosen = Selection(positions, self._device)
            heads = members[attention[members]]
            if len(heads):
                self._heads.evaluate(number, stage, heads, chosen)
            mlps = members[~attention[members]]
            if len(mlps):
                self._mlp(number, stage, mlps, chosen)
        for node, count in zip(*np.unique(stage.nodes, return_counts=True), strict=True):
            self.evaluated[self._graph.nodes[int(node)].name] += int(count)

    def _mlp(self, number: int, stage: Stage, members: np.ndarray, positions: Selection) -> None:
        layer = self._graph.nodes[int(stage.nodes[members[0]])].layer
        part = self._functions.mlp[layer]
        base = positions.take(self._runs.mlp[layer][0])
        reads = stage.reads[members, 0, 0]
        width = max(self._graph.shape.d_mlp, self._graph.shape.d_model)
        size = max(1, self._workspace // (width * base.shape[0] * len(positions)))
        change = base.new_empty(len(members), *base.shape)
        for start in range(0, len(members), size):
            stream = self._heads.reads.stream(number, reads[start : start + size], positions)
            written = evaluate_mlp(part, stream.flatten(0, -2)).view(stream.shape)
            torch.sub(written, base, out=change[start : start + size])
            self._tally.versions(stage.version_ids[members[start : start + size]], len(positions))
        self._written.put(stage.version_ids[members], change, positions)

    def _continue_streams(self, number: int, stage: Stage) -> None:
        """The stage's streams: their parents' differences and the changes written."""
        ids = stage.stream_ids
        wrote = np.asarray(stage.writes.any(axis=2))
        lasting = self._last_use[ids] > number
        continued = np.flatnonzero(self._continued[ids])
        for positions, some in groups_of(self._extent.streams[ids[continued]]):
            at = continued[some]
            if not positions.any():
                continue
            chosen = Selection(positions, self._device)
            width = self._classes.shape[0] * len(chosen) * self._graph.shape.d_model
            size = max(self._workspace // 4 // width, 1)
            at = self._narrowed(number, stage, at, wrote, chosen)
            for columns, rows in groups_of(wrote[at]):
                members = at[rows]
                kept, passing = members[lasting[members]], members[~lasting[members]]
                if len(kept):
                    delta = self._writes.differences(number, stage, kept, columns, chosen)
                    self._streams.put(ids[kept], delta, chosen)
                    self._finish_outputs(ids[kept], delta, chosen)
                for start in range(0, len(passing), size):
                    some = passing[start : start + size]
                    delta = self._writes.differences(number, stage, some, columns, chosen)
                    self._finish_outputs(ids[some], delta, chosen)

    def _narrowed(
        self,
        number: int,
        stage: Stage,
        members: np.ndarray,
        wrote: np.ndarray,
        positions: Selection,
    ) -> np.ndarray:
        """Keep as narrow those streams that differ from base by what one head writes; the others.
        `wrote`: bool [stream, node of the stage]."""
        if self._narrow is None:
            return members
        columns = wrote[members].argmax(axis=1)
        nodes = np.array(self._graph.stages[number])[columns]
        is_head = np.array([node.kind is NodeKind.head for node in self._graph.nodes])
        narrow = (wrote[members].sum(axis=1) == 1) & (stage.parent[members] == BASE)
        narrow &= is_head[nodes]
        chosen = members[narrow]
        versions = stage.writes[chosen, columns[narrow], 0]
        for some in (np.flatnonzero(versions == PATCHED), np.flatnonzero(versions > PATCHED)):
            if len(some):
                own = nodes[narrow][some]
                change = self._writes.of_heads(versions[some], own, positions)
                if change is not None:
                    ids, writers = stage.stream_ids[chosen[some]], self._writers_of(own)
                    self._streams.put(ids, change, positions, writers)
                    self._finish_outputs(ids, change, positions, writers)
        others: np.ndarray = members[~narrow]
        return others

    def _writers_of(self, nodes: np.ndarray) -> np.ndarray:
        """The number of each head among all heads of the model."""
        n_heads = self._graph.shape.n_heads
        numbers = [node.layer * n_heads + node.head for node in self._graph.nodes]
        return np.asarray(np.array(numbers)[nodes])

    def _sum_streams(self, number: int) -> None:
        """The streams born at a stage that are sums of writes."""
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

"""The loop over stages: evaluate the stage's versions, write them into its streams, and hand
finished streams to the logits. A stream is continued from its parent, or made as a sum of writes
once it is complete (`plan.sums`). Streams are forgotten after their last reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from pathpatch_runner.execute.delta.attention import LayerAttention
from pathpatch_runner.execute.delta.deltas import Deltas, Selection
from pathpatch_runner.execute.delta.narrow import NarrowReadings
from pathpatch_runner.execute.delta.readings import HeadVersions, Normed
from pathpatch_runner.execute.delta.runs import evaluate_mlp, write_heads
from pathpatch_runner.execute.delta.setting import Setting
from pathpatch_runner.execute.delta.sums import SummedStreams
from pathpatch_runner.execute.delta.tally import Tally
from pathpatch_runner.execute.delta.writes import Writes
from pathpatch_runner.execute.distance import distance_masks
from pathpatch_runner.graph import NodeKind
from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.extent import groups_of, is_attention
from pathpatch_runner.plan.plan import Stage
from pathpatch_runner.plan.set_plan import BASE
from pathpatch_runner.plan.sums import last_uses

Finish = Callable[[np.ndarray, torch.Tensor, Selection, int | None], None]
"""Stream ids [n], their difference [n, B, P, d_model] at the end of the model, and where; with a
writer, in place of the difference the change of its z [n, B, P, D]."""


class StageLoop:
    """A chunk of units on one batch. `evaluated` counts version rows by node name; `tally` is told
    what is done."""

    def __init__(self, setting: Setting, chunk: Chunk, finish: Finish, tally: Tally) -> None:
        plan = chunk.plan
        self._functions = setting.functions
        self._runs = setting.runs
        self._workspace = setting.workspace
        self._classes = setting.batch.classes
        # On the host: nothing in the loop waits for the device.
        self._occurs = setting.batch.where.classes
        self._plan = plan
        self._graph = plan.alphabet.graph
        self._extent = chunk.extent
        self._finish = finish
        self._tally = tally
        self._device = self._classes.device
        self._n_classes = plan.n_classes
        # What a narrow stream is read with is the same at all positions.
        self._narrow = setting.narrow if plan.n_classes == 1 else None
        writers = None if self._narrow is None else self._narrow.writers
        self._streams = Deltas(plan.n_streams + 2, self._device, writers)
        self._written = Deltas(plan.n_versions + 2, self._device)
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
            for heads in self._alike(stage, members[attention[members]]):
                self._attention(number, stage, heads, chosen)
            mlps = members[~attention[members]]
            if len(mlps):
                self._mlp(number, stage, mlps, chosen)
        for node, count in zip(*np.unique(stage.nodes, return_counts=True), strict=True):
            self.evaluated[self._graph.nodes[int(node)].name] += int(count)

    def _alike(self, stage: Stage, members: np.ndarray) -> list[np.ndarray]:
        """Head versions that read narrow streams only, and the others; either where there are
        any."""
        if self._narrow is None or not len(members):
            return [members] if len(members) else []
        reads = stage.reads[members].reshape(len(members), -1)
        differs = np.asarray(self._extent.support.any(axis=1))
        narrow = (self._streams.is_narrow[reads] | ~differs[reads]).all(axis=1)
        return [some for some in (members[narrow], members[~narrow]) if len(some)]

    def _normed(
        self, number: int, layer: int, readings: np.ndarray, positions: Selection
    ) -> Normed:
        """What the heads of a layer read: wide, or narrow where all streams are."""
        form = None
        if self._narrow is not None and self._streams.is_narrow[readings].all():
            form = self._narrow.form(layer)
        if self._narrow is None or form is None:
            norm = self._functions.attention[layer].norm
            return norm(self._stream(number, readings, positions))
        z, owners = self._streams.narrow(readings[:, 0], positions)
        base = positions.take(self._runs.stream[number][0])
        return NarrowReadings.of(self._narrow.writers, form, z, owners, base)

    def _stream(self, number: int, readings: np.ndarray, positions: Selection) -> torch.Tensor:
        """The streams [n, B, P, d_model] that readings [n, class] read at a stage."""
        base, patched = self._runs.stream[number]
        kept = positions.take(base)
        different = patched - base
        if (readings == readings[:, :1]).all():
            delta = self._streams.take(readings[:, 0], positions, different)
            whole = kept[None].expand(len(readings), -1, -1, -1)
            return whole if delta is None else kept + delta
        whole = kept[None].repeat(len(readings), 1, 1, 1)
        classes = positions.take(self._classes, -1)
        for number_class in range(self._n_classes):
            delta = self._streams.take(readings[:, number_class], positions, different)
            if delta is not None:
                whole += delta * (classes == number_class)[None, :, :, None]
        return whole

    def _readings(self, reads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distinct readings [m, class] that differ from base, and which one each of `reads`
        [..., class] is."""
        flat = reads.reshape(-1, self._n_classes)
        differs = np.asarray(self._extent.support.any(axis=1))
        flat = np.where(differs[flat], flat, 0)
        if self._n_classes == 1:
            distinct, inverse = np.unique(flat[:, 0], return_inverse=True)
            distinct = distinct[:, None]
        else:
            distinct, inverse = np.unique(flat, axis=0, return_inverse=True)
        if not distinct[0].any():
            distinct, inverse = distinct[1:], inverse - 1
        return distinct, inverse.reshape(reads.shape[:-1])

    def _attention(
        self, number: int, stage: Stage, members: np.ndarray, positions: Selection
    ) -> None:
        nodes = stage.nodes[members]
        layer = self._graph.nodes[int(nodes[0])].layer
        part, run = self._functions.attention[layer], self._runs.attention[layer]
        readings, slots = self._readings(stage.reads[members])
        engine = LayerAttention(part, run, self._back_masks, self._workspace)
        ids = stage.version_ids[members]
        key_positions = self._key_positions(readings, positions)
        normed = partial(self._normed, number, layer)
        if self._graph.shape.separable_heads:
            heads = np.array([node.head for node in self._graph.nodes])[nodes]

            def keep(numbers: np.ndarray, change: torch.Tensor) -> None:
                self._written.put(ids[numbers], change, positions)
                self._tally.versions(ids[numbers], len(positions))

            versions = HeadVersions(heads, readings, slots)
            engine.evaluate(versions, normed, positions, key_positions, keep)
            return
        n_heads = self._graph.shape.n_heads
        z = positions.take(run.z[0])[None].repeat(len(members), 1, 1, 1, 1)
        owner = np.tile(np.arange(len(members)), n_heads)

        def gather(numbers: np.ndarray, change: torch.Tensor) -> None:
            rows = torch.as_tensor(owner[numbers]).to(self._device, non_blocking=True)
            z[rows, int(numbers[0]) // len(members)] += change

        every = HeadVersions(
            np.repeat(np.arange(n_heads), len(members)), readings, np.tile(slots, (n_heads, 1, 1))
        )
        engine.evaluate(every, normed, positions, key_positions, gather)
        assert run.out is not None
        self._written.put(ids, write_heads(part, z) - positions.take(run.out[0]), positions)

    def _key_positions(self, readings: np.ndarray, positions: Selection) -> Selection:
        """Where changed keys and values can differ and are attended to."""
        chosen = (self._extent.support[readings] & self._occurs).any((0, 1))
        if self._graph.shape.causal and len(positions):
            chosen[positions.numbers[-1] + 1 :] = False
        return Selection(chosen, self._device)

    def _back_masks(self, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        return distance_masks(self._plan.alphabet.back_classes, queries, keys)

    def _mlp(self, number: int, stage: Stage, members: np.ndarray, positions: Selection) -> None:
        layer = self._graph.nodes[int(stage.nodes[members[0]])].layer
        part = self._functions.mlp[layer]
        base = positions.take(self._runs.mlp[layer][0])
        reads = stage.reads[members, 0, 0]
        width = max(self._graph.shape.d_mlp, self._graph.shape.d_model)
        size = max(1, self._workspace // (width * base.shape[0] * len(positions)))
        change = base.new_empty(len(members), *base.shape)
        for start in range(0, len(members), size):
            stream = self._stream(number, reads[start : start + size], positions)
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
            for columns, rows in groups_of(wrote[at]):
                members = self._narrowed(number, stage, at[rows], columns, chosen)
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
        All were written to by the same nodes, `wrote`: bool [node of the stage]."""
        columns = np.flatnonzero(wrote)
        if self._narrow is None or len(columns) != 1:
            return members
        node = self._graph.stages[number][columns[0]]
        which = self._graph.nodes[node]
        if which.kind is not NodeKind.head:
            return members
        narrow = stage.parent[members] == BASE
        chosen, ids = members[narrow], stage.stream_ids[members[narrow]]
        if not len(chosen):
            return members
        change = self._writes.change(stage.writes[chosen, columns[0]], node, positions)
        if change is None:
            return members
        writer = which.layer * self._graph.shape.n_heads + which.head
        self._streams.put(ids, change, positions, writer)
        self._finish_outputs(ids, change, positions, writer)
        others: np.ndarray = members[~narrow]
        return others

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
        writer: int | None = None,
    ) -> None:
        done = np.flatnonzero(self._is_output[ids])
        if len(done) == len(ids):
            self._finish(ids, delta, positions, writer)
            self._tally.outputs(len(ids))
        elif len(done):
            rows = torch.as_tensor(done).to(self._device, non_blocking=True)
            self._finish(ids[done], delta.index_select(0, rows), positions, writer)
            self._tally.outputs(len(done))

"""The loop over stages: evaluate the stage's versions, write them into its streams, and hand
finished streams to the logits. Streams are forgotten after their last reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import torch

from pathpatch_runner.execute.delta.attention import UNCHANGED, HeadVersions, LayerAttention
from pathpatch_runner.execute.delta.deltas import Deltas, Selection
from pathpatch_runner.execute.delta.extent import Extent, groups_of, is_attention
from pathpatch_runner.execute.delta.runs import Runs, evaluate_mlp, write_heads
from pathpatch_runner.execute.delta.writes import Writes
from pathpatch_runner.model.nodes import NodeFunctions
from pathpatch_runner.plan.plan import PATCHED
from pathpatch_runner.plan.table import PlanTable, StageTable

Finish = Callable[[np.ndarray, torch.Tensor, Selection], None]
"""Stream ids [n], their difference [n, B, P, d_model] at the end of the model, and where."""


class StageLoop:
    """One plan table on one batch. `evaluated` counts version rows by node name."""

    def __init__(
        self,
        functions: NodeFunctions,
        runs: Runs,
        table: PlanTable,
        extent: Extent,
        classes: torch.Tensor,
        occurs: np.ndarray,
        finish: Finish,
        workspace: int,
    ) -> None:
        """`classes`: long [B, T]. `occurs`: bool [class, pos], on the host: nothing in the loop
        waits for the device. `workspace`: elements a temporary tensor may have."""
        self._functions = functions
        self._runs = runs
        self._table = table
        self._graph = table.alphabet.graph
        self._extent = extent
        self._classes = classes
        self._occurs = occurs
        self._finish = finish
        self._workspace = workspace
        self._device = classes.device
        self._n_classes = table.outputs.shape[1]
        self._streams = Deltas(table.n_streams + 2, self._device)
        self._written = Deltas(table.n_versions + 2, self._device)
        self._writes = Writes(functions, runs, table, classes, self._streams, self._written)
        self._last_use = _last_uses(table)
        self._is_output = np.zeros(table.n_streams + 2, dtype=bool)
        self._is_output[np.unique(table.outputs)] = True
        self.evaluated: Counter[str] = Counter()

    def run(self) -> None:
        """Evaluate everything."""
        for number, stage in enumerate(self._table.stages):
            if len(stage.nodes):
                self._versions(number, stage)
            if len(stage.parent):
                self._continue_streams(number, stage)
            self._streams.release(self._last_use > number)
            self._written.release(np.zeros(self._table.n_versions + 2, dtype=bool))

    def _versions(self, number: int, stage: StageTable) -> None:
        """Evaluate the stage's versions, wherever they differ and are needed."""
        attention = is_attention(self._graph, stage.nodes)
        for places, members in groups_of(self._extent.versions[stage.version_ids]):
            if not places.any():
                continue
            chosen = Selection(places, self._device)
            heads = members[attention[members]]
            if len(heads):
                self._attention(number, stage, heads, chosen)
            mlps = members[~attention[members]]
            if len(mlps):
                self._mlp(number, stage, mlps, chosen)
        for node, count in zip(*np.unique(stage.nodes, return_counts=True), strict=True):
            self.evaluated[self._graph.nodes[int(node)].name] += int(count)

    def _normed(
        self, number: int, norm: Callable[[torch.Tensor], torch.Tensor]
    ) -> Callable[[np.ndarray, Selection], torch.Tensor]:
        def normed(mixtures: np.ndarray, places: Selection) -> torch.Tensor:
            return norm(self._stream(number, mixtures, places))

        return normed

    def _stream(self, number: int, mixtures: np.ndarray, places: Selection) -> torch.Tensor:
        """The streams [n, B, P, d_model] that mixtures [n, class] read at a stage."""
        base, patched = self._runs.stream[number]
        kept = places.take(base)
        different = patched - base
        if (mixtures == mixtures[:, :1]).all():
            delta = self._streams.take(mixtures[:, 0], places, different)
            whole = kept[None].expand(len(mixtures), -1, -1, -1)
            return whole if delta is None else kept + delta
        whole = kept[None].repeat(len(mixtures), 1, 1, 1)
        classes = places.take(self._classes, -1)
        for number_class in range(self._n_classes):
            delta = self._streams.take(mixtures[:, number_class], places, different)
            if delta is not None:
                whole += delta * (classes == number_class)[None, :, :, None]
        return whole

    def _mixtures(self, reads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distinct mixtures [m, class] that differ from base, and which one each of `reads`
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
        self, number: int, stage: StageTable, members: np.ndarray, places: Selection
    ) -> None:
        nodes = stage.nodes[members]
        layer = self._graph.nodes[int(nodes[0])].layer
        part, run = self._functions.attention[layer], self._runs.attention[layer]
        mixtures, slots = self._mixtures(stage.reads[members])
        engine = LayerAttention(part, run, self._back_masks, self._workspace)
        ids = stage.version_ids[members]
        sources = self._sources(mixtures, places)
        normed = self._normed(number, part.norm)
        if self._graph.shape.separable_heads:
            heads = np.array([node.head for node in self._graph.nodes])[nodes]

            def keep(numbers: np.ndarray, change: torch.Tensor) -> None:
                self._written.put(ids[numbers], change, places)

            versions = HeadVersions(heads, mixtures, slots)
            engine.evaluate(versions, normed, places, sources, keep)
            return
        n_heads = self._graph.shape.n_heads
        z = places.take(run.z[0])[None].repeat(len(members), 1, 1, 1, 1)
        owner = np.tile(np.arange(len(members)), n_heads)

        def gather(numbers: np.ndarray, change: torch.Tensor) -> None:
            rows = torch.as_tensor(owner[numbers]).to(self._device, non_blocking=True)
            z[rows, int(numbers[0]) // len(members)] += change

        every = HeadVersions(
            np.repeat(np.arange(n_heads), len(members)), mixtures, np.tile(slots, (n_heads, 1, 1))
        )
        engine.evaluate(every, normed, places, sources, gather)
        assert run.out is not None
        self._written.put(ids, write_heads(part, z) - places.take(run.out[0]), places)

    def _sources(self, mixtures: np.ndarray, places: Selection) -> Selection:
        """Where changed keys and values can differ and are attended to."""
        chosen = (self._extent.support[mixtures] & self._occurs).any((0, 1))
        if self._graph.shape.causal and len(places):
            chosen[places.numbers[-1] + 1 :] = False
        return Selection(chosen, self._device)

    def _back_masks(self, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        distance = queries[:, None] - keys[None, :]
        limit = self._classes.shape[1]
        return torch.stack(
            [
                (distance >= (-limit if least is None else least))
                & (distance <= (limit if most is None else most))
                for least, most in self._table.alphabet.back_classes
            ]
        )

    def _mlp(self, number: int, stage: StageTable, members: np.ndarray, places: Selection) -> None:
        layer = self._graph.nodes[int(stage.nodes[members[0]])].layer
        part = self._functions.mlp[layer]
        base = places.take(self._runs.mlp[layer][0])
        reads = stage.reads[members, 0, 0]
        width = max(self._graph.shape.d_mlp, self._graph.shape.d_model)
        size = max(1, self._workspace // (width * base.shape[0] * len(places)))
        change = base.new_empty(len(members), *base.shape)
        for start in range(0, len(members), size):
            stream = self._stream(number, reads[start : start + size], places)
            written = evaluate_mlp(part, stream.flatten(0, -2)).view(stream.shape)
            torch.sub(written, base, out=change[start : start + size])
        self._written.put(stage.version_ids[members], change, places)

    def _continue_streams(self, number: int, stage: StageTable) -> None:
        """The stage's streams: their parents' differences and the changes written."""
        ids = stage.stream_ids
        wrote = np.asarray(stage.writes.any(axis=2))
        lasting = self._last_use[ids] > number
        for places, at in groups_of(self._extent.streams[ids]):
            if not places.any():
                continue
            chosen = Selection(places, self._device)
            width = self._classes.shape[0] * len(chosen) * self._graph.shape.d_model
            size = max(self._workspace // 4 // width, 1)
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

    def _finish_outputs(self, ids: np.ndarray, delta: torch.Tensor, places: Selection) -> None:
        done = np.flatnonzero(self._is_output[ids])
        if len(done) == len(ids):
            self._finish(ids, delta, places)
        elif len(done):
            rows = torch.as_tensor(done).to(self._device, non_blocking=True)
            self._finish(ids[done], delta.index_select(0, rows), places)


def _last_uses(table: PlanTable) -> np.ndarray:
    """[stream]: the last stage that reads the stream or continues it."""
    last = np.full(table.n_streams + 2, -1)
    for number, stage in enumerate(table.stages):
        last[np.unique(stage.reads)] = number
        last[np.unique(stage.parent)] = number
    assert UNCHANGED == -1
    last[PATCHED] = len(table.stages)
    return last

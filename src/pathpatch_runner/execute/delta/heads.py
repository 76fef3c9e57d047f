"""The head versions of a stage: which are evaluated together, and how.

Those of which one slot changed, of whatever head, are evaluated together (`together`); others head
by head (`attention`), as are all where positions or distances are told apart. Where the attention
of a layer is one node, its version is that of all its heads.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from pathpatch_runner.execute.delta.attention import LayerAttention
from pathpatch_runner.execute.delta.base_heads import BaseHeads
from pathpatch_runner.execute.delta.deltas import Deltas, Selection
from pathpatch_runner.execute.delta.host import on_device
from pathpatch_runner.execute.delta.narrow import Narrow
from pathpatch_runner.execute.delta.readings import HeadVersions, K, Q, V
from pathpatch_runner.execute.delta.reads import Reads
from pathpatch_runner.execute.delta.runs import write_heads
from pathpatch_runner.execute.delta.setting import Setting
from pathpatch_runner.execute.delta.tally import Tally
from pathpatch_runner.execute.delta.together import HeadsTogether
from pathpatch_runner.execute.distance import distance_masks
from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.plan import Stage


class StageHeads:
    """On one batch. `written`: differences of versions, filled in here."""

    def __init__(
        self, setting: Setting, chunk: Chunk, streams: Deltas, written: Deltas, tally: Tally
    ) -> None:
        self._setting = setting
        self._plan = chunk.plan
        self._graph = chunk.plan.alphabet.graph
        self._extent = chunk.extent
        self._differs = np.asarray(chunk.extent.support.any(axis=1))
        self._streams = streams
        self._written = written
        self._tally = tally
        self._narrow = narrow_of(setting, chunk)
        self.reads = Reads(setting, streams, self._narrow)
        self._device = setting.batch.classes.device
        # On the host: nothing in the loop waits for the device.
        self._occurs = setting.batch.where.classes
        self._heads = np.array([node.head for node in self._graph.nodes])

    def evaluate(
        self, number: int, stage: Stage, members: np.ndarray, positions: Selection
    ) -> None:
        """Versions of one stage at the same positions."""
        for some in self._alike(stage, members):
            single = self._of_one_slot(stage, some)
            if single.any():
                self._together(number, stage, some[single], positions)
            if not single.all():
                self._by_head(number, stage, some[~single], positions)

    def _alike(self, stage: Stage, members: np.ndarray) -> list[np.ndarray]:
        """Head versions that read narrow streams only, and the others; either where there are
        any."""
        if self._narrow is None or not len(members):
            return [members] if len(members) else []
        reads = stage.reads[members].reshape(len(members), -1)
        narrow = (self._streams.is_narrow[reads] | ~self._differs[reads]).all(axis=1)
        return [some for some in (members[narrow], members[~narrow]) if len(some)]

    def _of_one_slot(self, stage: Stage, members: np.ndarray) -> np.ndarray:
        """Bool [member]: read one stream, through one slot, whatever the distance."""
        if self._plan.n_classes > 1 or not self._graph.shape.separable_heads:
            return np.zeros(len(members), dtype=bool)
        reads = stage.reads[members][..., 0]
        uniform = (reads == reads[:, :, :1]).all(axis=(1, 2))
        return np.asarray(uniform & (self._differs[reads[..., 0]].sum(axis=1) == 1))

    def _together(
        self, number: int, stage: Stage, members: np.ndarray, positions: Selection
    ) -> None:
        members = members[np.argsort(self._heads[stage.nodes[members]], kind="stable")]
        heads, ids = self._heads[stage.nodes[members]], stage.version_ids[members]
        layer = self._graph.nodes[int(stage.nodes[members[0]])].layer
        part = self._setting.functions.attention[layer]
        run = self._setting.runs.attention[layer]
        reads = stage.reads[members, :, 0, 0]
        slots = self._differs[reads].argmax(axis=1)
        reads = reads[np.arange(len(members)), slots]
        moved = np.unique(reads[slots != Q])
        keys = self._key_positions(moved[:, None], positions)
        engine = HeadsTogether(BaseHeads(part, run, np.unique(heads), positions, keys))
        of_keys = None
        if len(moved):
            of_keys = self.reads.normed(number, layer, moved[:, None], keys)
        for slot in (Q, K, V):
            rows = np.flatnonzero(slots == slot)
            if not len(rows):
                continue
            found, normed = moved, of_keys
            if slot == Q:
                found = np.unique(reads[rows])
                normed = self.reads.queried(number, layer, found[:, None], positions, len(rows))
            assert normed is not None
            which = np.searchsorted(found, reads[rows])
            for piece in np.array_split(np.arange(len(rows)), self._pieces(len(rows), positions)):
                at = rows[piece]
                change = engine.change(slot, heads[at], which[piece], normed)
                self._written.put(ids[at], change, positions)
                self._tally.versions(ids[at], len(positions))

    def _pieces(self, n_versions: int, positions: Selection) -> int:
        """In how many parts temporaries keep to the workspace."""
        shape, batch = self._graph.shape, self._setting.batch
        width = max(shape.d_model, batch.where.length)
        rows = max(len(positions) * width, batch.where.length * shape.d_head)
        return max(1, -(-n_versions * batch.n_pairs * rows // self._setting.workspace))

    def _by_head(
        self, number: int, stage: Stage, members: np.ndarray, positions: Selection
    ) -> None:
        nodes = stage.nodes[members]
        layer = self._graph.nodes[int(nodes[0])].layer
        part = self._setting.functions.attention[layer]
        run = self._setting.runs.attention[layer]
        readings, slots = self._readings(stage.reads[members])
        engine = LayerAttention(part, run, self._back_masks, self._setting.workspace)
        ids = stage.version_ids[members]
        key_positions = self._key_positions(readings, positions)
        normed = partial(self.reads.normed, number, layer)
        if self._graph.shape.separable_heads:

            def keep(numbers: np.ndarray, change: torch.Tensor) -> None:
                self._written.put(ids[numbers], change, positions)
                self._tally.versions(ids[numbers], len(positions))

            versions = HeadVersions(self._heads[nodes], readings, slots)
            engine.evaluate(versions, normed, positions, key_positions, keep)
            return
        n_heads = self._graph.shape.n_heads
        z = positions.take(run.z[0])[None].repeat(len(members), 1, 1, 1, 1)
        owner = np.tile(np.arange(len(members)), n_heads)

        def gather(numbers: np.ndarray, change: torch.Tensor) -> None:
            rows = on_device(owner[numbers], self._device)
            z[rows, int(numbers[0]) // len(members)] += change

        every = HeadVersions(
            np.repeat(np.arange(n_heads), len(members)), readings, np.tile(slots, (n_heads, 1, 1))
        )
        engine.evaluate(every, normed, positions, key_positions, gather)
        assert run.out is not None
        self._written.put(ids, write_heads(part, z) - positions.take(run.out[0]), positions)

    def _readings(self, reads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distinct readings [m, class] that differ from base, and which one each of `reads`
        [..., class] is."""
        n_classes = self._plan.n_classes
        flat = reads.reshape(-1, n_classes)
        flat = np.where(self._differs[flat], flat, 0)
        if n_classes == 1:
            distinct, inverse = np.unique(flat[:, 0], return_inverse=True)
            distinct = distinct[:, None]
        else:
            distinct, inverse = np.unique(flat, axis=0, return_inverse=True)
        if not distinct[0].any():
            distinct, inverse = distinct[1:], inverse - 1
        return distinct, inverse.reshape(reads.shape[:-1])

    def _key_positions(self, readings: np.ndarray, positions: Selection) -> Selection:
        """Where changed keys and values can differ and are attended to."""
        chosen = (self._extent.support[readings] & self._occurs).any((0, 1))
        if self._graph.shape.causal and len(positions):
            chosen[positions.numbers[-1] + 1 :] = False
        return Selection(chosen, self._device)

    def _back_masks(self, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        return distance_masks(self._plan.alphabet.back_classes, queries, keys)


def narrow_of(setting: Setting, chunk: Chunk) -> Narrow | None:
    """What narrow streams are read with, which is the same at all positions."""
    return setting.narrow if chunk.plan.n_classes == 1 else None

"""The head versions of a step: which are evaluated together, and how.

Those of which one slot changed, of whatever head, are evaluated together (`together`), of all
layers that work alike; others head by head (`attention`), as are all where positions or distances
are told apart. Where the attention of a layer is one node, its version is that of all its heads.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from pathpatch_runner.execute.delta.attention import LayerAttention
from pathpatch_runner.execute.delta.base_heads import BaseHeads, kinds_of_layers
from pathpatch_runner.execute.delta.deltas import Deltas, Selection
from pathpatch_runner.execute.delta.grid import runs_of
from pathpatch_runner.execute.delta.host import on_device
from pathpatch_runner.execute.delta.narrow import Narrow, NarrowReadings
from pathpatch_runner.execute.delta.readings import HeadVersions, K, Normed, Q, V
from pathpatch_runner.execute.delta.reads import Reads
from pathpatch_runner.execute.delta.runs import write_heads
from pathpatch_runner.execute.delta.setting import Setting
from pathpatch_runner.execute.delta.tally import Tally
from pathpatch_runner.execute.delta.together import HeadsTogether
from pathpatch_runner.execute.distance import distance_masks
from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.schedule import Step

COPIES = 4
"""Temporaries of one size that are alive at once while versions are evaluated together."""


class StepHeads:
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
        self.reads = Reads(setting, self._graph, streams, self._narrow)
        self._device = setting.batch.classes.device
        # On the host: nothing in the loop waits for the device.
        self._occurs = setting.batch.where.classes
        self._layers = np.array(self._graph.layer_of)
        self._head_numbers = np.array(self._graph.head_numbers)
        self._kinds = kinds_of_layers(setting.functions.attention)

    def evaluate(self, step: Step, members: np.ndarray, positions: Selection) -> None:
        """Versions of a step at the same positions."""
        members = members[np.argsort(step.nodes[members], kind="stable")]
        for some in self._alike(step, members):
            single = self._of_one_slot(step, some)
            together, others = some[single], some[~single]
            kinds = self._kinds[self._layers[step.nodes[together]]]
            for kind in np.unique(kinds).tolist():
                for part in self._fitting(step, together[kinds == kind], positions):
                    self._together(step, part, positions)
            for layer, rows in runs_of(self._layers[step.nodes[others]]):
                self._by_head(step, layer, others[rows], positions)

    def _alike(self, step: Step, members: np.ndarray) -> list[np.ndarray]:
        """Head versions that read narrow streams only, and the others; either where there are
        any."""
        if self._narrow is None:
            return [members]
        reads = step.reads[members].reshape(len(members), -1)
        narrow = (self._streams.is_narrow[reads] | ~self._differs[reads]).all(axis=1)
        return [some for some in (members[narrow], members[~narrow]) if len(some)]

    def _of_one_slot(self, step: Step, members: np.ndarray) -> np.ndarray:
        """Bool [member]: read one stream, through one slot, whatever the distance."""
        if self._plan.n_classes > 1 or not self._graph.shape.separable_heads:
            return np.zeros(len(members), dtype=bool)
        reads = step.reads[members][..., 0]
        uniform = (reads == reads[:, :, :1]).all(axis=(1, 2))
        return np.asarray(uniform & (self._differs[reads[..., 0]].sum(axis=1) == 1))

    def _slots(self, step: Step, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(the changed slot [member], the stream it reads [member]) of versions of one slot."""
        reads = step.reads[members, :, 0, 0]
        slots = self._differs[reads].argmax(axis=1)
        return slots, reads[np.arange(len(members)), slots]

    def _fitting(
        self, step: Step, members: np.ndarray, positions: Selection
    ) -> Iterator[np.ndarray]:
        """Members by whole layers, as many at once as read what keeps to the workspace."""
        layers = self._layers[step.nodes[members]]
        if layers[0] == layers[-1]:
            yield members
            return
        slots, streams = self._slots(step, members)
        shape = self._graph.shape
        width = np.where(self._streams.is_narrow[streams], shape.d_head, shape.d_model)
        support = self._extent.support[streams].sum(axis=1)
        sizes = width * np.where(slots == Q, len(positions), support)
        _, first = np.unique(layers * len(self._differs) + streams, return_index=True)
        of_layer = np.zeros(shape.n_layers)
        np.add.at(of_layer, layers[first], sizes[first] * self._setting.batch.n_pairs)
        parts = (np.cumsum(of_layer) - of_layer) // self._setting.workspace
        for _, rows in runs_of(parts[layers].astype(np.int64)):
            yield members[rows]

    def _together(self, step: Step, members: np.ndarray, positions: Selection) -> None:
        """Versions of one slot, by node, of layers of one kind."""
        layers = self._layers[step.nodes[members]]
        heads = self._head_numbers[step.nodes[members]]
        slots, streams = self._slots(step, members)
        # A reading is a stream as a layer reads it.
        readings = layers * len(self._differs) + streams
        moved = np.unique(readings[slots != Q])
        keys = self._key_positions(self._streams_of(moved), positions)
        # Where they are evaluated at the same positions, what is normed for keys serves queries.
        shared = np.array_equal(keys.numbers, positions.numbers)
        if shared:
            moved = np.unique(readings)
        of_keys = None
        if len(moved):
            of_keys = self.reads.normed(self._layers_of(moved), self._streams_of(moved), keys)
        for slot in (Q, K, V):
            rows = np.flatnonzero(slots == slot)
            if not len(rows):
                continue
            found, normed = moved, of_keys
            if slot == Q and not shared:
                found = np.unique(readings[rows])
                normed = self.reads.queried(
                    self._layers_of(found), self._streams_of(found), positions, len(rows)
                )
            assert normed is not None
            which = np.searchsorted(found, readings[rows])
            narrow = slot == Q or isinstance(normed, NarrowReadings)
            pieces = self._pieces(heads[rows], positions, narrow=narrow)
            for piece in np.array_split(np.arange(len(rows)), pieces):
                base = self._base_of(np.unique(heads[rows[piece]]), positions, keys)
                engine = HeadsTogether(base)
                change = engine.change(slot, heads[rows[piece]], which[piece], normed)
                ids = step.versions[members[rows[piece]]]
                self._written.put(ids, change, positions)
                self._tally.versions(ids, len(positions))

    def _base_of(self, heads: np.ndarray, positions: Selection, keys: Selection) -> BaseHeads:
        functions, runs = self._setting.functions, self._setting.runs
        return BaseHeads(functions.attention, runs.heads[0], heads, positions, keys)

    def _layers_of(self, readings: np.ndarray) -> np.ndarray:
        return readings // len(self._differs)

    def _streams_of(self, readings: np.ndarray) -> np.ndarray:
        """[reading, class]."""
        return np.asarray(readings[:, None] % len(self._differs))

    def _pieces(self, heads: np.ndarray, positions: Selection, *, narrow: bool) -> int:
        """In how many parts temporaries keep to the workspace, of versions of ascending `heads`
        [n]. `narrow`: nothing of them is as wide as a stream, only what each head has once."""
        shape, batch = self._graph.shape, self._setting.batch
        length, width = batch.where.length, max(shape.d_head, batch.where.length)
        each = len(positions) * (width if narrow else max(width, shape.d_model))
        once = max(len(positions) * shape.d_model, length * shape.d_head)
        used = 1 + int((np.diff(heads) != 0).sum())
        elements = COPIES * (len(heads) * each + used * once) * batch.n_pairs
        return min(len(heads), -(-elements // self._setting.workspace))

    def _by_head(self, step: Step, layer: int, members: np.ndarray, positions: Selection) -> None:
        """Versions of one layer."""
        nodes = step.nodes[members]
        part = self._setting.functions.attention[layer]
        run = self._setting.runs.attention[layer]
        readings, slots = self._readings(step.reads[members])
        engine = LayerAttention(part, run, self._back_masks, self._setting.workspace)
        ids = step.versions[members]
        key_positions = self._key_positions(readings, positions)
        normed = partial(self._normed, layer)
        n_heads = self._graph.shape.n_heads
        if self._graph.shape.separable_heads:

            def keep(numbers: np.ndarray, change: torch.Tensor) -> None:
                self._written.put(ids[numbers], change, positions)
                self._tally.versions(ids[numbers], len(positions))

            versions = HeadVersions(self._head_numbers[nodes] % n_heads, readings, slots)
            engine.evaluate(versions, normed, positions, key_positions, keep)
            return
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

    def _normed(self, layer: int, readings: np.ndarray, positions: Selection) -> Normed:
        return self.reads.normed(np.full(len(readings), layer), readings, positions)

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

"""What the changes that versions write make of a stream."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from pathpatch_runner.execute.delta.deltas import Deltas, Selection, Two
from pathpatch_runner.execute.delta.grid import runs_of
from pathpatch_runner.execute.delta.host import rows_of
from pathpatch_runner.execute.delta.setting import Setting
from pathpatch_runner.graph import Graph, NodeKind
from pathpatch_runner.plan.plan import Stage
from pathpatch_runner.plan.set_plan import PATCHED


class Writes:
    """Sums of writes, on one batch. `streams`, `written`: differences found so far."""

    def __init__(self, setting: Setting, graph: Graph, streams: Deltas, written: Deltas) -> None:
        self._functions = setting.functions
        self._runs = setting.runs
        self._graph = graph
        self._head_numbers = np.array(graph.head_numbers)
        self._n_classes = len(setting.batch.where.classes)
        self._classes = setting.batch.classes
        self._streams = streams
        self._written = written

    def differences(
        self,
        number: int,
        stage: Stage,
        members: np.ndarray,
        wrote: np.ndarray,
        positions: Selection,
    ) -> torch.Tensor:
        """[n, B, P, d_model]: by how much streams that the same nodes wrote to (`wrote`: bool
        [node of the stage]) differ from base after the stage."""
        plain = self._runs.stream[number]
        delta = self._streams.take(stage.parent[members], positions, plain)
        columns = np.flatnonzero(wrote)
        nodes = [self._graph.stages[number][column] for column in columns]
        heads: list[tuple[int, torch.Tensor]] = []
        for column, node in zip(columns, nodes, strict=True):
            change = self.change(stage.writes[members, column], node, positions)
            if change is None:
                continue
            if self._graph.nodes[node].kind is NodeKind.head:
                heads.append((node, change))
            else:
                delta = change if delta is None else delta + change
        if heads:
            delta = self._add_heads(heads, delta)
        if delta is None:
            n_pairs, _, width = plain[0].shape
            result: torch.Tensor = plain[0].new_zeros(len(members), n_pairs, len(positions), width)
            return result
        return delta

    def _add_heads(
        self, heads: list[tuple[int, torch.Tensor]], delta: torch.Tensor | None
    ) -> torch.Tensor:
        """What changes of heads' z [n, B, P, D] write to the stream, added to `delta`."""
        numbers = [self._graph.nodes[node].head for node, _ in heads]
        w_o = self._functions.attention[self._graph.nodes[heads[0][0]].layer].w_o
        weight = (w_o if len(numbers) == len(w_o) else w_o[numbers]).flatten(0, 1)
        rows = heads[0][1] if len(heads) == 1 else torch.cat([z for _, z in heads], dim=-1)
        flat = rows.reshape(-1, rows.shape[-1])
        if delta is None:
            written = flat @ weight
        else:
            written = torch.addmm(delta.reshape(-1, delta.shape[-1]), flat, weight)
        return written.view(*rows.shape[:-1], -1)

    def of_versions(
        self, versions: np.ndarray, node: int, positions: Selection
    ) -> torch.Tensor | None:
        """[n, B, P, d_model]: what versions [n] of one node change in the stream; None: nothing."""
        change = self._written.take(versions, positions, self._write_of(node))
        which = self._graph.nodes[node]
        if change is None or which.kind is not NodeKind.head:
            return change
        return change @ self._functions.attention[which.layer].w_o[which.head]

    def of_heads(
        self, versions: np.ndarray, nodes: np.ndarray, positions: Selection
    ) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        """(numbers, their changes of z [n, B, P, D]) of those `versions` [n] of heads `nodes` [n],
        by layer, that change it."""
        patched = np.flatnonzero(versions == PATCHED)
        layers, heads = np.divmod(self._head_numbers[nodes[patched]], self._graph.shape.n_heads)
        for layer, some in runs_of(layers):
            base, other = self._runs.attention[layer].z
            yield patched[some], rows_of(positions.take(other) - positions.take(base), heads[some])
        yield from self._written.parts(versions, positions)

    def whole(self, number: int, positions: Selection) -> torch.Tensor:
        """[B, P, d_model]: by how much the patched run's stream before a stage differs."""
        base, patched = self._runs.stream[number]
        return positions.take(patched) - positions.take(base)

    def change(self, written: np.ndarray, node: int, positions: Selection) -> torch.Tensor | None:
        """[n, B, P, width] of what versions `written` [n, class] change, by position class (of a
        head: its z); None: nothing."""
        plain = self._write_of(node)
        if (written == written[:, :1]).all():
            return self._written.take(written[:, 0], positions, plain)
        total: torch.Tensor | None = None
        classes = positions.take(self._classes, -1)
        for number_class in range(self._n_classes):
            values = self._written.take(written[:, number_class], positions, plain)
            if values is not None:
                values = values * (classes == number_class)[None, :, :, None]
                total = values if total is None else total + values
        return total

    def _write_of(self, node: int) -> Two:
        """What a node writes in each of the plain runs (a head: its z)."""
        which = self._graph.nodes[node]
        if which.kind is NodeKind.input:
            return self._runs.stream[1]
        if which.kind is NodeKind.mlp:
            return self._runs.mlp[which.layer]
        attention = self._runs.attention[which.layer]
        if which.kind is NodeKind.head:
            return attention.z[0][which.head], attention.z[1][which.head]
        assert attention.out is not None
        return attention.out

"""What some heads compute in the base run, as their versions are compared with it.

The heads are of one layer or of several that work alike (`kinds_of_layers`), and are numbered
through all layers: head h of layer l is l * n_heads + h, key/value heads likewise. Each tensor is
made when it is first asked for, and once.

Shapes: H heads used; B pairs, P positions evaluated, C changed positions of keys and values, T all;
D d_head, M d_model; K key/value heads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch

from pathpatch_runner.execute.delta.deltas import Selection
from pathpatch_runner.execute.delta.grid import runs_of
from pathpatch_runner.execute.delta.host import rows_of
from pathpatch_runner.execute.delta.narrow import NarrowReadings
from pathpatch_runner.execute.delta.readings import Q
from pathpatch_runner.execute.delta.runs import RunOfHeads, attention_mask
from pathpatch_runner.model.nodes import Attention, Projection, softcapped

Of = Callable[[int], tuple[Projection, int]]
"""Head -> the projection of its layer, and the number of its matrix there."""


def kinds_of_layers(attention: Sequence[Attention]) -> np.ndarray:
    """[layer]: a number for each way in which layers go from queries and keys to a pattern."""
    kinds = [
        (part.scale, part.softcap, part.window, part.causal, turned(part.q), turned(part.k))
        for part in attention
    ]
    return np.array([kinds.index(kind) for kind in kinds])


def turned(projection: Projection) -> bool:
    """Whether something is done to queries or keys after they are projected."""
    return projection.norm is not None or projection.rotary is not None


class BaseHeads:
    """`used` [H]: the heads, ascending, of layers of one kind of `attention`; `run`: all heads of
    the base run. Versions are evaluated at `positions` and read changed keys and values at
    `key_positions`."""

    def __init__(
        self,
        attention: Sequence[Attention],
        run: RunOfHeads,
        used: np.ndarray,
        positions: Selection,
        key_positions: Selection,
    ) -> None:
        self._attention = attention
        self.run = run
        self.used = used
        self.positions = positions
        self.key_positions = key_positions
        self._n_heads = len(attention[0].w_o)
        self._n_kv = len(attention[0].k.weight)
        self.groups = self.group_of(used)
        self.layers = used // self._n_heads
        part = attention[int(used[0]) // self._n_heads]
        self.scale, self.softcap = part.scale, part.softcap
        self.keys_turn = turned(part.k)
        self.width = part.w_o.shape[2]
        self._part = part

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.run.q.device

    def group_of(self, heads: np.ndarray) -> np.ndarray:
        """The key/value heads of heads [n]."""
        layers, heads = np.divmod(heads, self._n_heads)
        return np.asarray(layers * self._n_kv + heads * self._n_kv // self._n_heads)

    def of_slot(self, slot: int) -> Of:
        """The projections of a slot: of a head for queries, of a key/value head for the others."""
        size = self._n_heads if slot == Q else self._n_kv

        def found(number: int) -> tuple[Projection, int]:
            layer, own = divmod(number, size)
            return self._projection(layer, slot), own

        return found

    def _projection(self, layer: int, slot: int) -> Projection:
        part = self._attention[layer]
        return (part.q, part.k, part.v)[slot]

    def layer_of(self, group: int) -> int:
        """The layer of a key/value head."""
        return group // self._n_kv

    def through(self, matrix: Callable[[int], torch.Tensor]) -> torch.Tensor:
        """[H, B, P, M]: every head's queries through the transposed `matrix(group)` [M, D]."""
        result = self.q.new_empty(*self.q.shape[:-1], self.width)
        each = zip(self.q.flatten(1, 2), self.groups.tolist(), result.flatten(1, 2), strict=True)
        for queries, group, into in each:
            torch.mm(queries, matrix(group).T, out=into)
        return result

    def by_group(self, slot: int, of: Callable[[Projection, int], torch.Tensor]) -> torch.Tensor:
        """[H, ...]: of what all key/value heads of a layer have, `of(projection, layer)` [K, ...],
        that of each head."""
        parts = [
            rows_of(of(self._projection(layer, slot), layer), self.groups[rows] % self._n_kv)
            for layer, rows in runs_of(self.layers)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def offset(self, slot: int, narrow: NarrowReadings | None = None) -> torch.Tensor:
        """[H, 1, 1 or C, D]: what keys or values have in common whatever is read; of `narrow`
        readings, the bias of the norm too."""

        def total(projection: Projection, layer: int) -> torch.Tensor:
            found = self.run.q.new_zeros(self._n_kv, 1, self.run.q.shape[-1])
            bias = projection.bias
            if bias is not None:
                found = found + (bias if bias.shape[1] == 1 else self.key_positions.take(bias))
            if narrow is not None:
                found = found + narrow.sums(projection, layer).of_bias[:, None]
            return found

        return self.by_group(slot, total)[:, None]

    @cached_property
    def q(self) -> torch.Tensor:
        """[H, B, P, D], scaled."""
        return rows_of(self.positions.take(self.run.q), self.used) * self.scale

    @cached_property
    def k(self) -> torch.Tensor:
        """[H, B, T, D]."""
        return rows_of(self.run.k, self.groups)

    @cached_property
    def v(self) -> torch.Tensor:
        """[H, B, T, D]."""
        return rows_of(self.run.v, self.groups)

    @cached_property
    def z(self) -> torch.Tensor:
        """[H, B, P, D]."""
        return rows_of(self.positions.take(self.run.z), self.used)

    @cached_property
    def scores(self) -> torch.Tensor:
        """[H, B, P, T]: base's, before the cap and the mask."""
        return self.q @ self.k.transpose(-1, -2)

    @cached_property
    def mask(self) -> torch.Tensor:
        """Bool [P, T]: what queries must not attend to."""
        every = torch.arange(self.run.q.shape[-2], device=self.device)
        return attention_mask(self._part, self.positions.index, every)

    @cached_property
    def pattern(self) -> torch.Tensor:
        """[H, B, P, C]: base's."""
        scores = softcapped(self.scores, self.softcap).masked_fill(self.mask, -torch.inf)
        return self.key_positions.take(scores.softmax(-1), -1)

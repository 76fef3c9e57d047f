"""What some heads of a layer compute in the base run, as their versions are compared with it.

Each is made when it is first asked for, and once.

Shapes: H heads used; B pairs, P positions evaluated, C changed positions of keys and values, T all;
D d_head, M d_model; K key/value heads.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch

from pathpatch_runner.execute.delta.deltas import Selection
from pathpatch_runner.execute.delta.runs import AttentionRun, attention_mask
from pathpatch_runner.model.nodes import Attention, Projection, softcapped


class BaseHeads:
    """`groups` [H]: the key/value head of each."""

    def __init__(
        self,
        part: Attention,
        run: AttentionRun,
        used: np.ndarray,
        positions: Selection,
        key_positions: Selection,
    ) -> None:
        """`used` [H]: the heads, ascending."""
        self._part = part
        self._run = run
        self._positions = positions
        self._key_positions = key_positions
        self._device = run.q[0].device
        self.groups = used // (len(run.q[0]) // len(run.k[0]))
        self._heads = self._index(used)

    def through(self, weight: torch.Tensor) -> torch.Tensor:
        """[H, B, P, M]: every head's queries through the transposed matrices [K, M, D]."""
        groups = self.groups.tolist()
        return torch.stack(
            [rows @ weight[group].T for rows, group in zip(self.q, groups, strict=True)]
        )

    def offset(self, projection: Projection, norm_bias: torch.Tensor | None) -> torch.Tensor:
        """[H, 1, 1 or C, D]: what keys or values have in common whatever is read."""
        groups = self._index(self.groups)
        total = self._run.q[0].new_zeros(len(groups), 1, 1, self._run.q[0].shape[-1])
        if norm_bias is not None:
            total = total + (norm_bias @ projection.weight)[groups][:, None, None]
        if projection.bias is not None:
            bias = projection.bias[groups][:, None]
            total = total + (bias if bias.shape[2] == 1 else self._key_positions.take(bias))
        return total

    @cached_property
    def q(self) -> torch.Tensor:
        """[H, B, P, D], scaled."""
        return self._positions.take(self._run.q[0])[self._heads] * self._part.scale

    @cached_property
    def k(self) -> torch.Tensor:
        """[H, B, T, D]."""
        return self._run.k[0][self._index(self.groups)]

    @cached_property
    def v(self) -> torch.Tensor:
        """[H, B, T, D]."""
        return self._run.v[0][self._index(self.groups)]

    @cached_property
    def z(self) -> torch.Tensor:
        """[H, B, P, D]."""
        return self._positions.take(self._run.z[0])[self._heads]

    @cached_property
    def scores(self) -> torch.Tensor:
        """[H, B, P, T]: base's, before the cap and the mask."""
        return self.q @ self.k.transpose(-1, -2)

    @cached_property
    def mask(self) -> torch.Tensor:
        """Bool [P, T]: what queries must not attend to."""
        every = torch.arange(self._run.q[0].shape[-2], device=self._device)
        return attention_mask(self._part, self._positions.index, every)

    @cached_property
    def pattern(self) -> torch.Tensor:
        """[H, B, P, C]: base's."""
        scores = softcapped(self.scores, self._part.softcap).masked_fill(self.mask, -torch.inf)
        return self._key_positions.take(scores.softmax(-1), -1)

    def _index(self, numbers: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(numbers).to(self._device, non_blocking=True)

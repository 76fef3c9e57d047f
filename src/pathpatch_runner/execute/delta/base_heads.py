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
from pathpatch_runner.execute.delta.host import on_device
from pathpatch_runner.execute.delta.runs import AttentionRun, attention_mask
from pathpatch_runner.model.nodes import Attention, Projection, softcapped


class BaseHeads:
    """`used` [H]: the heads, ascending; `groups` [H]: the key/value head of each. Their versions
    are evaluated at `positions` and read changed keys and values at `key_positions`."""

    def __init__(
        self,
        part: Attention,
        run: AttentionRun,
        used: np.ndarray,
        positions: Selection,
        key_positions: Selection,
    ) -> None:
        self.part = part
        self.run = run
        self.used = used
        self.positions = positions
        self.key_positions = key_positions
        self.group_size = len(run.q[0]) // len(run.k[0])
        self.groups = used // self.group_size
        self._heads = self.index(used)

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.run.q[0].device

    def through(self, weight: torch.Tensor) -> torch.Tensor:
        """[H, B, P, M]: every head's queries through the transposed matrices [K, M, D]."""
        groups = self.groups.tolist()
        return torch.stack(
            [rows @ weight[group].T for rows, group in zip(self.q, groups, strict=True)]
        )

    def offset(self, projection: Projection, norm_bias: torch.Tensor | None) -> torch.Tensor:
        """[H, 1, 1 or C, D]: what keys or values have in common whatever is read."""
        groups = self.index(self.groups)
        total = self.run.q[0].new_zeros(len(groups), 1, 1, self.run.q[0].shape[-1])
        if norm_bias is not None:
            total = total + (norm_bias @ projection.weight)[groups][:, None, None]
        if projection.bias is not None:
            bias = projection.bias[groups][:, None]
            total = total + (bias if bias.shape[2] == 1 else self.key_positions.take(bias))
        return total

    @cached_property
    def q(self) -> torch.Tensor:
        """[H, B, P, D], scaled."""
        return self.positions.take(self.run.q[0])[self._heads] * self.part.scale

    @cached_property
    def k(self) -> torch.Tensor:
        """[H, B, T, D]."""
        return self.run.k[0][self.index(self.groups)]

    @cached_property
    def v(self) -> torch.Tensor:
        """[H, B, T, D]."""
        return self.run.v[0][self.index(self.groups)]

    @cached_property
    def z(self) -> torch.Tensor:
        """[H, B, P, D]."""
        return self.positions.take(self.run.z[0])[self._heads]

    @cached_property
    def scores(self) -> torch.Tensor:
        """[H, B, P, T]: base's, before the cap and the mask."""
        return self.q @ self.k.transpose(-1, -2)

    @cached_property
    def mask(self) -> torch.Tensor:
        """Bool [P, T]: what queries must not attend to."""
        every = torch.arange(self.run.q[0].shape[-2], device=self.device)
        return attention_mask(self.part, self.positions.index, every)

    @cached_property
    def pattern(self) -> torch.Tensor:
        """[H, B, P, C]: base's."""
        scores = softcapped(self.scores, self.part.softcap).masked_fill(self.mask, -torch.inf)
        return self.key_positions.take(scores.softmax(-1), -1)

    def index(self, numbers: np.ndarray) -> torch.Tensor:
        """Numbers on the device of the heads."""
        return on_device(numbers, self.device)

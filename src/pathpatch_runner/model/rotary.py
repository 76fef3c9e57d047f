"""Rotary positions: how queries and keys turn with where they stand."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import torch

from pathpatch_runner.model.component import original_of
from pathpatch_runner.model.load import LoadedModel


@dataclass(frozen=True)
class Rotary:
    """Rotates the first `cos.shape[-1]` entries; `adjacent`: pairs are neighbours, else halves.
    `cos`, `sin`: [n positions, rotated]."""

    cos: torch.Tensor
    sin: torch.Tensor
    adjacent: bool

    def __call__(self, values: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Rotate `values` [..., pos, d_head], which stand at `positions` [pos]."""
        width = self.cos.shape[-1]
        turning, rest = values[..., :width], values[..., width:]
        turned = turning * self.cos[positions] + self._rotate_half(turning) * self.sin[positions]
        return torch.cat([turned, rest], dim=-1) if rest.shape[-1] else turned

    def _rotate_half(self, values: torch.Tensor) -> torch.Tensor:
        if self.adjacent:
            return torch.stack((-values[..., 1::2], values[..., 0::2]), dim=-1).flatten(-2)
        first, second = values.chunk(2, dim=-1)
        return torch.cat((-second, first), dim=-1)


def rotary_of(model: LoadedModel, attention: Any, n_positions: int) -> Rotary | None:
    """The rotation of one layer's attention, from the model's own tables, at its own precision;
    None where there is none, as in some layers of SmolLM3."""
    if not getattr(attention, "use_rope", True):
        return None
    native = getattr(attention, "rotary", None)
    if native is not None:
        tables = (native.cos_cached, native.sin_cached)
        cos, sin = (table[:n_positions].to(model.dtype) for table in tables)
        return Rotary(cos, sin, adjacent=True)
    table = _interleaved_table(model, attention)
    if table is not None:
        sin, cos = table[:n_positions].chunk(2, dim=-1)
        doubled = (table.repeat_interleave(2, -1) for table in (cos, sin))
        cos, sin = (table.to(model.device, model.dtype) for table in doubled)
        return Rotary(cos, sin, adjacent=True)
    module = getattr(model.bridge, "rotary_emb", None)
    if module is None:
        return None
    ids = torch.arange(n_positions, device=model.device)[None]
    like = torch.zeros(1, 1, dtype=model.dtype, device=model.device)
    cos, sin = original_of(module)(like, ids)
    if not _turns_neighbours(attention):
        return Rotary(cos[0], sin[0], adjacent=False)
    return Rotary(_by_neighbours(cos[0]), _by_neighbours(sin[0]), adjacent=True)


def _turns_neighbours(attention: Any) -> bool:
    """Whether the architecture's own `rotate_half` turns neighbours (Cohere, GLM), not halves."""
    rotate = getattr(sys.modules.get(type(attention).__module__), "rotate_half", None)
    if rotate is None:
        return False
    turned: torch.Tensor = rotate(torch.arange(4.0))
    return turned.tolist() == [-1.0, 0.0, -3.0, 2.0]


def _by_neighbours(table: torch.Tensor) -> torch.Tensor:
    """A table [position, rotated] with equal neighbours; GLM has them with equal halves."""
    first, second = table.chunk(2, dim=-1)
    return first.repeat_interleave(2, -1) if torch.equal(first, second) else table


def _interleaved_table(model: LoadedModel, attention: Any) -> torch.Tensor | None:
    """GPT-J's sines and cosines [position, sines then cosines]: kept by each layer's attention
    up to transformers 5.23, by the body of the model since."""
    body = getattr(model.bridge.original_model, "transformer", None)
    for owner in (attention, getattr(body, "rotary_emb", None)):
        table = getattr(owner, "embed_positions", None)
        if isinstance(table, torch.Tensor):
            return table
    return None

"""The two runs a plan mixes, `base` and `patched`, for every source of corrupt values.

`Prompts` is what world 0 and world 1 carry. Noising: base = clean, patched = corrupt;
denoising: the reverse. `noise` replaces the corrupt prompt's embedding by the clean one plus
Gaussian noise; `mean` and `zero` replace what nodes write in the patched world by constants.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.execute.batch import Batch


@dataclass(frozen=True)
class Constants:
    """What nodes write in place of the patched run: `z` [n_layers, pos, n_heads, d_head],
    `mlp` [n_layers, pos, d_model] (None without MLPs)."""

    z: torch.Tensor
    mlp: torch.Tensor | None


@dataclass(frozen=True)
class Prompts:
    """`base`, `patched`: long [pair, pos]. The noise of either run: [pair, pos, d_model] added
    to its embedding, or None."""

    base: torch.Tensor
    patched: torch.Tensor
    base_noise: torch.Tensor | None = None
    patched_noise: torch.Tensor | None = None
    constants: Constants | None = None


def prompts_of(
    batch: Batch,
    direction: Direction,
    noise: torch.Tensor | None = None,
    constants: Constants | None = None,
) -> Prompts:
    """The prompts of a batch. With `noise` the corrupt run is the clean prompt plus noise."""
    corrupt = batch.corrupt if noise is None else batch.clean
    if direction is Direction.noising:
        return Prompts(batch.clean, corrupt, None, noise, constants)
    return Prompts(corrupt, batch.clean, noise, None, constants)


def draw_noise(
    batch: Batch, d_model: int, deviation: float, seed: int, draw: int, dtype: torch.dtype
) -> torch.Tensor:
    """Gaussian noise [pair, pos, d_model], seeded by pair id and draw, whatever the batch."""
    length = batch.clean.shape[1]
    rows = []
    for name in batch.names:
        key = hashlib.sha256(f"{seed}/{name}/{draw}".encode()).digest()[:16]
        generator = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
        rows.append(generator.standard_normal((length, d_model)) * deviation)
    return torch.as_tensor(np.stack(rows), dtype=dtype, device=batch.clean.device)

"""The two runs a plan mixes, `base` and `patched`, for every source of corrupt values.

`Prompts` is what world 0 and world 1 carry. Noising: base = clean, patched = corrupt;
denoising: the reverse. `noise` replaces the corrupt prompt's embedding by the clean one plus
Gaussian noise; `mean` and `zero` replace what nodes write in the patched world by constants.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.sources import Constants


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

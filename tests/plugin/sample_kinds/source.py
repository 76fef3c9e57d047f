"""Corrupt values of the clean prompt itself: patching them changes nothing."""

from __future__ import annotations

from typing import Any

from pathpatch_runner.execute.sources import Corruption, Source


class _NoNoise(Corruption):
    """Noise of size 0 on the clean prompt."""

    def noise(self, batch: Any, draw: int) -> Any:
        """Zeros [pair, pos, d_model], of the model's embedding size."""
        del draw
        import torch

        size = (len(batch.clean), batch.where.length, self.d_model)
        return torch.zeros(size, dtype=self.dtype, device=batch.clean.device)

    def __init__(self, model: Any) -> None:
        self.d_model = model.shape.d_model
        self.dtype = model.dtype


class SampleNothing(Source):
    """The clean prompt again."""

    def on(self, model: Any, pairs: Any) -> Corruption:
        """Needs no run of the model."""
        del pairs
        return _NoNoise(model)

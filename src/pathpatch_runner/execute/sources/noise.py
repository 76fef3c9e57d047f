"""Causal tracing: the clean prompt with Gaussian noise on its embeddings.

The noise is in units of the standard deviation of all embedding entries of the dataset's clean
prompts, and results are averaged over seeded draws. Source: Meng et al. 2022, arXiv 2202.05262.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from pathpatch_runner.dataset import PairSet
from pathpatch_runner.execute.sources.source import Corruption, Source

if TYPE_CHECKING:
    import torch

    from pathpatch_runner.execute.batch import Batch
    from pathpatch_runner.model.load import LoadedModel


class Noise(Source):
    """The clean prompt plus noise."""

    def on(self, model: LoadedModel, pairs: PairSet) -> Corruption:
        """Measures the embeddings of the clean prompts."""
        deviation = self.settings.noise_scale * _embedding_deviation(model, pairs)
        return GaussianNoise(model, deviation, self.settings.noise_draws, self.seed)


class GaussianNoise(Corruption):
    """Noise of a standard deviation, seeded by pair and draw, whatever the batch."""

    differs_everywhere = True

    def __init__(self, model: LoadedModel, deviation: float, draws: int, seed: int) -> None:
        self.draws = draws
        self._d_model = model.shape.d_model
        self._dtype = model.dtype
        self._deviation = deviation
        self._seed = seed

    def noise(self, batch: Batch, draw: int) -> torch.Tensor:
        """Noise [pair, pos, d_model]."""
        import torch

        size = (batch.where.length, self._d_model)
        rows = []
        for name in batch.names:
            key = hashlib.sha256(f"{self._seed}/{name}/{draw}".encode()).digest()[:16]
            generator = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
            rows.append(generator.standard_normal(size) * self._deviation)
        return torch.as_tensor(np.stack(rows), dtype=self._dtype, device=batch.clean.device)


def _embedding_deviation(model: LoadedModel, pairs: PairSet) -> float:
    """Standard deviation of all embedding entries of the clean prompts' tokens."""
    import torch

    from pathpatch_runner.execute.recording import recorded

    count, total, squares = 0, 0.0, 0.0
    for pair in pairs.pairs:
        ids = torch.tensor([pair.clean], device=model.device)
        values = (
            recorded(model, ids, [model.hook_points.embed]).seen[model.hook_points.embed].double()
        )
        count += values.numel()
        total += float(values.sum())
        squares += float(values.square().sum())
    return float(max(squares / count - (total / count) ** 2, 0.0) ** 0.5)

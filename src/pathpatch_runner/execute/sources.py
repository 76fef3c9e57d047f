"""Where corrupt values come from: the corrupt prompt, noise, or constants.

`noise` (causal tracing): the clean prompt with Gaussian noise on its embeddings, in units of
the standard deviation of the dataset's clean embeddings, averaged over seeded draws.
`mean`: what a sender writes is replaced by its mean over the dataset's corrupt prompts at the
same position; `zero`: by nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from pathpatch_runner.config import PatchConfig, Source
from pathpatch_runner.dataset import PairSet, group_by_length
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.prompts import Constants, draw_noise
from pathpatch_runner.model.load import LoadedModel

BATCH = 16


@dataclass(frozen=True)
class CorruptSource:
    """The source of one run. `draws`: how many times each evaluation is repeated."""

    kind: Source
    draws: int = 1
    seed: int = 0
    deviation: float = 0.0
    d_model: int = 0
    dtype: torch.dtype = torch.float32
    written: Constants | None = None

    def noise(self, batch: Batch, draw: int) -> torch.Tensor | None:
        """Noise [pair, pos, d_model] of the corrupt run; None for other sources."""
        if self.kind is not Source.noise:
            return None
        return draw_noise(batch, self.d_model, self.deviation, self.seed, draw, self.dtype)

    def constants(self, batch: Batch) -> Constants | None:
        """What senders write instead, cut to the batch's length; None for other sources."""
        if self.written is None:
            return None
        length = batch.clean.shape[1]
        mlp = self.written.mlp
        return Constants(self.written.z[:, :length], None if mlp is None else mlp[:, :length])

    @property
    def differs_everywhere(self) -> bool:
        """Whether the corrupt run's input differs from the clean one's at every position."""
        return self.kind is not Source.corrupt

    @property
    def replaces_senders(self) -> bool:
        """Whether a path begins at its sender's write."""
        return self.kind in (Source.mean, Source.zero)


def prepare_source(
    model: LoadedModel, pairs: PairSet, patch: PatchConfig, seed: int
) -> CorruptSource:
    """The source a config asks for; runs the model once over the prompts where it must."""
    if patch.source is Source.corrupt:
        return CorruptSource(patch.source)
    if patch.source is Source.noise:
        prompts = [pair.clean for pair in pairs.pairs]
        deviation = patch.noise_scale * _embedding_deviation(model, prompts)
        width = model.shape.d_model
        return CorruptSource(patch.source, patch.noise_draws, seed, deviation, width, model.dtype)
    totals = _Totals(model, max(len(pair.corrupt) for pair in pairs.pairs))
    if patch.source is Source.mean:
        for group in group_by_length(pairs.pairs):
            for start in range(0, len(group), BATCH):
                totals.add([pairs.pairs[i].corrupt for i in group[start : start + BATCH]])
    return CorruptSource(patch.source, written=totals.means())


def _embedding_deviation(model: LoadedModel, prompts: Sequence[tuple[int, ...]]) -> float:
    """Standard deviation of all embedding entries of the prompts' tokens."""
    count, total, squares = 0, 0.0, 0.0

    def keep(values: torch.Tensor, hook: Any) -> torch.Tensor:
        nonlocal count, total, squares
        del hook
        count += values.numel()
        total += float(values.double().sum())
        squares += float(values.double().square().sum())
        return values

    for prompt in prompts:
        ids = torch.tensor([prompt], device=model.device)
        model.forward(ids, [(model.sites.embed, keep)])
    return float(max(squares / count - (total / count) ** 2, 0.0) ** 0.5)


class _Totals:
    """Sums of `z` and MLP outputs by position, over prompts of any length."""

    def __init__(self, model: LoadedModel, length: int) -> None:
        self._model = model
        shape = model.shape
        self._z = torch.zeros(shape.n_layers, length, shape.n_heads, shape.d_head).to(model.device)
        self._mlp = torch.zeros(shape.n_layers, length, shape.d_model).to(model.device)
        self._z, self._mlp = self._z.double(), self._mlp.double()
        self._prompts = torch.zeros(length, device=model.device, dtype=torch.float64)

    def _adding(self, total: torch.Tensor) -> Callable[[torch.Tensor, Any], torch.Tensor]:
        def add(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            total[: values.shape[1]] += (
                values.double().sum(0).reshape(total[: values.shape[1]].shape)
            )
            return values

        return add

    def add(self, prompts: Sequence[tuple[int, ...]]) -> None:
        """Run prompts of one length and add what every node writes."""
        hooks = []
        for layer, sites in enumerate(self._model.sites.layers):
            hooks.append((sites.z, self._adding(self._z[layer])))
            if sites.mlp_out is not None:
                hooks.append((sites.mlp_out, self._adding(self._mlp[layer])))
        self._model.forward(torch.tensor(prompts, device=self._model.device), hooks)
        self._prompts[: len(prompts[0])] += len(prompts)

    def means(self) -> Constants:
        """Means in the model's number format; zero where nothing was added."""
        count = self._prompts.clamp(min=1)[None, :, None]
        dtype = self._model.dtype
        mlp = None if self._model.shape.attn_only else (self._mlp / count).to(dtype)
        return Constants((self._z / count[..., None]).to(dtype), mlp)

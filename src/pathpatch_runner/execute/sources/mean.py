"""Mean ablation: what a sender writes is replaced by its mean over the corrupt prompts.

The mean is over the dataset's corrupt prompts, of all lengths, at the same position. Since it
replaces what nodes write in the clean run, it needs noising and paths that start at a sender.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import PairSet, group_by_length
from pathpatch_runner.execute.sources.source import Constants, Corruption, Source

if TYPE_CHECKING:
    import torch

    from pathpatch_runner.execute.batch import Batch
    from pathpatch_runner.model.load import LoadedModel

BATCH = 16


class Mean(Source):
    """Means of writes."""

    directions = (Direction.noising,)
    from_senders = True

    def on(self, model: LoadedModel, pairs: PairSet) -> Corruption:
        """Runs the model over the corrupt prompts."""
        totals = Totals(model, pairs)
        for group in group_by_length(pairs.pairs):
            for start in range(0, len(group), BATCH):
                totals.add([pairs.pairs[i].corrupt for i in group[start : start + BATCH]])
        return ConstantWrites(totals.means())


class ConstantWrites(Corruption):
    """Constants in place of what senders write."""

    differs_everywhere = True

    def __init__(self, constants: Constants) -> None:
        self._constants = constants

    def constants(self, batch: Batch) -> Constants:
        """The constants at the batch's positions."""
        return self._constants.cut(batch.where.length)


class Totals:
    """Sums of `z` and MLP outputs by position, over prompts of any length. In float64."""

    def __init__(self, model: LoadedModel, pairs: PairSet) -> None:
        import torch

        self._model = model
        shape, length = model.shape, max(len(pair.corrupt) for pair in pairs.pairs)

        def zeros(*size: int) -> torch.Tensor:
            return torch.zeros(*size, dtype=torch.float64, device=model.device)

        self._z = zeros(shape.n_layers, length, shape.n_heads, shape.d_head)
        self._mlp = zeros(shape.n_layers, length, shape.d_model)
        self._prompts = zeros(length)

    def add(self, prompts: list[tuple[int, ...]]) -> None:
        """Run prompts of one length and add what every node writes."""
        import torch

        from pathpatch_runner.execute.recording import recorded

        layers = self._model.hook_points.layers
        names = [name for layer in layers for name in (layer.z, layer.mlp_out) if name is not None]
        ids = torch.tensor(prompts, device=self._model.device)
        seen = recorded(self._model, ids, names).seen
        for number, layer in enumerate(layers):
            self._add(self._z[number], seen[layer.z])
            if layer.mlp_out is not None:
                self._add(self._mlp[number], seen[layer.mlp_out])
        self._prompts[: len(prompts[0])] += len(prompts)

    @staticmethod
    def _add(total: torch.Tensor, values: torch.Tensor) -> None:
        part = total[: values.shape[1]]
        part += values.double().sum(0).reshape(part.shape)

    def means(self) -> Constants:
        """Means in the model's number format; zero where nothing was added."""
        count = self._prompts.clamp(min=1)[None, :, None]
        dtype = self._model.dtype
        mlp = None if self._model.shape.attn_only else (self._mlp / count).to(dtype)
        return Constants((self._z / count[..., None]).to(dtype), mlp)

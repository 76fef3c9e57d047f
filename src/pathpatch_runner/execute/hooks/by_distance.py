"""Heads whose keys or values depend on the distance from query to key, in a pass of worlds.

Such a head is computed in several *homes*, one for each back class (`plan.worlds.ByDistance`). Its
scores are put together from those of all homes, before the softmax and in the same pass; the
pattern of each home is then cut to its own distances, so that the sum of the homes' outputs is the
head's. Where the bridge's scores hook is dead (native models) the scores are recomputed from the
queries and keys that the hooks have seen, and the pattern is overwritten instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pathpatch_runner.model.attention import attention_scores, scores_are_known
from pathpatch_runner.model.load import LoadedModel
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.worlds import ByDistance

HookFunction = Callable[[torch.Tensor, Any], torch.Tensor]


def why_not_by_distance(model: LoadedModel, plan: Plan) -> str | None:
    """Why a plan that reads by distance cannot be run with hooks on this model; None: it can."""
    live = all(layer.scores is not None for layer in model.hook_points.layers)
    if live or scores_are_known(model) or not plan.reads_by_distance:
        return None
    return (
        f'the attention scores of model "{model.name}" cannot be edited through its bridge, so '
        "keys and values cannot be told apart by distance (~)"
    )


class AttentionByDistance:
    """The heads `heads` of one layer. `masks`: bool [back class, query, key]."""

    def __init__(
        self,
        model: LoadedModel,
        layer: int,
        heads: tuple[ByDistance, ...],
        masks: torch.Tensor,
        n_worlds: int,
    ) -> None:
        self._model = model
        self._layer = layer
        self._heads = heads
        self._masks = masks
        self._n_worlds = n_worlds
        self._q: torch.Tensor | None = None
        self._k: torch.Tensor | None = None

    def functions(self) -> list[tuple[str, HookFunction]]:
        """The hooks, to be added after those that copy queries and keys."""
        names = self._model.hook_points.layers[self._layer]
        if names.scores is not None:
            return [(names.scores, self._join_live_scores), (names.pattern, self._cut_pattern)]
        return [
            (names.q, self._keep_q),
            (names.k, self._keep_k),
            (names.pattern, self._remake_pattern),
        ]

    def _split(self, values: torch.Tensor) -> torch.Tensor:
        """[W * B, ...] -> [W, B, ...]."""
        result: torch.Tensor = values.unflatten(0, (self._n_worlds, -1))
        return result

    def _joined(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores [W, B, H, T, T]; all homes of a head receive its scores, put together."""
        result = scores.clone()
        for one in self._heads:
            homes = list(one.homes)
            joined = scores[homes[0], :, one.head]
            for number, home in enumerate(homes[1:], start=1):
                joined = torch.where(self._masks[number], scores[home, :, one.head], joined)
            result[homes, :, one.head] = joined
        return result

    def _join_live_scores(self, scores: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        return self._joined(self._split(scores)).reshape(scores.shape)

    def _cut_pattern(self, pattern: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        result = self._split(pattern).clone()
        for one in self._heads:
            for number, home in enumerate(one.homes):
                result[home, :, one.head] *= self._masks[number]
        return result.reshape(pattern.shape)

    def _keep_q(self, values: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        self._q = values
        return values

    def _keep_k(self, values: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        self._k = values
        return values

    def _remake_pattern(self, pattern: torch.Tensor, hook: Any) -> torch.Tensor:
        assert self._q is not None
        assert self._k is not None
        scores = attention_scores(self._model, self._layer, self._q, self._k)
        joined = self._joined(self._split(scores)).softmax(-1).nan_to_num(0.0)
        result = self._split(pattern).clone()
        for one in self._heads:
            homes = list(one.homes)
            result[homes, :, one.head] = joined[homes, :, one.head]
        return self._cut_pattern(result.reshape(pattern.shape), hook)

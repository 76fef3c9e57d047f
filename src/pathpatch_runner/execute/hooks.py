"""The `hooks` executor: a plan as TransformerLens hooks on one batched forward pass.

Streams are worlds of the batch (`plan.worlds`). Every hook copies between worlds and nothing
else, at the queries, keys and values, at the heads' outputs `z` and at the MLPs' outputs.
Where a head's keys depend on the distance from query to key, its attention scores are taken
from several worlds before the softmax, in the same pass. Simple enough to be believed.

Shape legend: W worlds, B pairs, T positions, H heads, K key/value heads, D d_head.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pathpatch_runner.errors import HookError
from pathpatch_runner.execute.copies import Gather, copy_between_worlds, gather_of
from pathpatch_runner.execute.prompts import Prompts
from pathpatch_runner.model.attention import attention_scores
from pathpatch_runner.model.load import LoadedModel
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.worlds import LayerCopies, Mixture, Worlds, lay_out

HookFunction = Callable[[torch.Tensor, Any], torch.Tensor]


@dataclass(frozen=True)
class WorldRun:
    """Logits [world, pair, pos, d_vocab] of one pass, and where the units read theirs."""

    logits: torch.Tensor
    worlds: Worlds

    def at(
        self, unit: int, rows: torch.Tensor, positions: torch.Tensor, classes: torch.Tensor
    ) -> torch.Tensor:
        """A unit's logits [point, d_vocab] at points; `classes`: long [pair, pos]."""
        owners = torch.tensor(self.worlds.outputs[unit], device=self.logits.device)
        return self.logits[owners[classes[rows, positions]], rows, positions]


def run_worlds(
    model: LoadedModel,
    plan: Plan,
    prompts: Prompts,
    classes: torch.Tensor,
    worlds: Worlds | None = None,
) -> WorldRun:
    """Evaluate all units of a plan on one batch, in one forward pass.

    `worlds`: the layout of the plan, if it is known. Raises `HookError` if a hook fires other
    than once.
    """
    worlds = worlds or lay_out(plan)
    hooks = _Hooks(model, plan, worlds, prompts, classes)
    logits = model.forward(hooks.token_ids(), hooks.functions())
    hooks.check_counts()
    return WorldRun(logits.unflatten(0, (worlds.count, -1)), worlds)


class _Hooks:
    """The hook functions of one pass; they share the batch's shape and count their calls."""

    def __init__(
        self,
        model: LoadedModel,
        plan: Plan,
        worlds: Worlds,
        prompts: Prompts,
        classes: torch.Tensor,
    ) -> None:
        self._model = model
        self._plan = plan
        self._worlds = worlds
        self._prompts = prompts
        self._classes = classes
        self._fired: Counter[str] = Counter()
        self._planned: list[str] = []

    def token_ids(self) -> torch.Tensor:
        """Long [W * B, T]: each world's prompt, mixed by position class where it must be."""
        both = torch.stack([self._prompts.base, self._prompts.patched])
        return self._by_input(both).flatten(0, 1)

    def _by_input(self, both: torch.Tensor) -> torch.Tensor:
        """[2, B, T, ...] -> [W, B, T, ...] by what each world's input carries."""
        source = torch.tensor(self._worlds.inputs, device=both.device)[:, self._classes]
        rows = torch.arange(both.shape[1], device=both.device)[:, None]
        columns = torch.arange(both.shape[2], device=both.device)[None, :]
        return both[source, rows, columns]

    def functions(self) -> list[tuple[str, HookFunction]]:
        """(hook name, function) of the pass."""
        found: list[tuple[str, HookFunction]] = []
        if self._prompts.base_noise is not None or self._prompts.patched_noise is not None:
            found.append((self._model.sites.embed, self._add_noise))
        for layer, copies in enumerate(self._worlds.layers):
            found += self._layer_functions(layer, copies)
        self._planned = [name for name, _ in found]
        return [(name, self._counted(name, function)) for name, function in found]

    def _counted(self, name: str, function: HookFunction) -> HookFunction:
        def counted(values: torch.Tensor, hook: Any) -> torch.Tensor:
            self._fired[name] += 1
            return function(values, hook)

        return counted

    def check_counts(self) -> None:
        """Every planned hook fired as often as planned."""
        planned = Counter(self._planned)
        wrong = [
            f"{name} fired {self._fired[name]} times, planned {planned[name]}"
            for name in sorted(planned | self._fired)
            if self._fired[name] != planned[name]
        ]
        if wrong:
            raise HookError(
                f"{len(wrong)} hooks did not fire as planned: {'; '.join(wrong[:4])}. The results "
                "of this pass would be wrong. Check the TransformerLens version against "
                "pyproject.toml, and report the architecture"
            )

    def _layer_functions(self, layer: int, copies: LayerCopies) -> list[tuple[str, HookFunction]]:
        sites = self._model.sites.layers[layer]
        device = self._classes.device
        found: list[tuple[str, HookFunction]] = []
        for site, chosen in ((sites.q, copies.q), (sites.k, copies.k), (sites.v, copies.v)):
            gather = gather_of(chosen, device)
            if gather is not None:
                found.append((site, self._copying(gather)))
        if copies.mixtures:
            found += _MixedAttention(self, layer, copies.mixtures).functions()
        z = gather_of(copies.z, device)
        constants = self._prompts.constants
        if z is not None or constants is not None or copies.mixtures:
            value = None if constants is None else constants.z[layer]
            found.append((sites.z, self._copying(z, value, copies.mixtures)))
        mlp = gather_of(copies.mlp, device)
        if sites.mlp_out is not None and (mlp is not None or constants is not None):
            value = None if constants is None or constants.mlp is None else constants.mlp[layer]
            found.append((sites.mlp_out, self._copying(mlp, value)))
        return found

    def _copying(
        self,
        gather: Gather | None,
        constant: torch.Tensor | None = None,
        mixtures: tuple[Mixture, ...] = (),
    ) -> HookFunction:
        def copy(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            split = values.unflatten(0, (self._worlds.count, -1))
            whole = split if split.ndim == 5 else split.unsqueeze(3)
            if constant is not None or mixtures:
                whole = whole.clone()
            if constant is not None:
                whole[1] = constant if constant.ndim == 3 else constant.unsqueeze(1)
            for mixture in mixtures:
                whole[mixture.homes[0], :, :, mixture.head] = whole[
                    list(mixture.homes), :, :, mixture.head
                ].sum(0)
            return copy_between_worlds(whole, gather, self._classes).reshape(values.shape)

        return copy

    def _add_noise(self, values: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        base, patched = self._prompts.base_noise, self._prompts.patched_noise
        some = base if base is not None else patched
        assert some is not None
        noises = [torch.zeros_like(some) if noise is None else noise for noise in (base, patched)]
        both = torch.stack(noises)
        return values + self._by_input(both).flatten(0, 1)

    @property
    def model(self) -> LoadedModel:
        """The model of the pass."""
        return self._model

    def back_masks(self, n_positions: int) -> torch.Tensor:
        """Bool [back class, query, key]: which distances are of which back class."""
        places = torch.arange(n_positions, device=self._classes.device)
        distance = places[:, None] - places[None, :]
        return torch.stack(
            [
                (distance >= (least if least is not None else -n_positions))
                & (distance <= (most if most is not None else n_positions))
                for least, most in self._plan.back_classes
            ]
        )

    def split(self, values: torch.Tensor) -> torch.Tensor:
        """[W * B, ...] -> [W, B, ...]."""
        result: torch.Tensor = values.unflatten(0, (self._worlds.count, -1))
        return result


class _MixedAttention:
    """Scores of several homes mixed by distance, the pattern of each home cut to its distances.

    Where the bridge's scores hook is dead (native models) the scores are recomputed from the
    queries and keys that the hooks have seen, and the pattern is overwritten instead.
    """

    def __init__(self, hooks: _Hooks, layer: int, mixtures: tuple[Mixture, ...]) -> None:
        self._hooks = hooks
        self._layer = layer
        self._mixtures = mixtures
        self._q: torch.Tensor | None = None
        self._k: torch.Tensor | None = None

    def functions(self) -> list[tuple[str, HookFunction]]:
        """The hooks, to be added after those that copy queries and keys."""
        sites = self._hooks.model.sites.layers[self._layer]
        if sites.scores is not None:
            return [(sites.scores, self._mix_live_scores), (sites.pattern, self._cut_pattern)]
        return [
            (sites.q, self._keep_q),
            (sites.k, self._keep_k),
            (sites.pattern, self._remake_pattern),
        ]

    def _mix(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores [W, B, H, T, T]; all homes of a mixture receive its mixed scores."""
        masks = self._hooks.back_masks(scores.shape[-1])
        result = scores.clone()
        for mixture in self._mixtures:
            homes = list(mixture.homes)
            mixed = scores[homes[0], :, mixture.head]
            for number, home in enumerate(homes[1:], start=1):
                mixed = torch.where(masks[number], scores[home, :, mixture.head], mixed)
            result[homes, :, mixture.head] = mixed
        return result

    def _mix_live_scores(self, scores: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        return self._mix(self._hooks.split(scores)).reshape(scores.shape)

    def _cut_pattern(self, pattern: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        masks = self._hooks.back_masks(pattern.shape[-1])
        result = self._hooks.split(pattern).clone()
        for mixture in self._mixtures:
            for number, home in enumerate(mixture.homes):
                result[home, :, mixture.head] *= masks[number]
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
        scores = attention_scores(self._hooks.model, self._layer, self._q, self._k)
        mixed = self._mix(self._hooks.split(scores)).softmax(-1).nan_to_num(0.0)
        result = self._hooks.split(pattern).clone()
        for mixture in self._mixtures:
            homes = list(mixture.homes)
            result[homes, :, mixture.head] = mixed[homes, :, mixture.head]
        return self._cut_pattern(result.reshape(pattern.shape), hook)

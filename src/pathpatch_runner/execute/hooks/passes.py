"""One forward pass in which hooks copy between worlds: at the queries, keys and values, at the
heads' outputs `z` and at the MLPs' outputs.

Shape legend: W worlds, B pairs, T positions, H heads, K key/value heads, D d_head.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch

from pathpatch_runner.errors import HookError
from pathpatch_runner.execute.distance import distance_masks
from pathpatch_runner.execute.hooks.by_distance import AttentionByDistance, HookFunction
from pathpatch_runner.execute.hooks.copies import Gather, copy_between_worlds, gather_of
from pathpatch_runner.execute.pace import Done
from pathpatch_runner.execute.prompts import Prompts
from pathpatch_runner.model.load import LoadedModel
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.worlds import ByDistance, LayerCopies, Worlds, lay_out


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
    done: Done = lambda _: None,
) -> WorldRun:
    """Evaluate all units of a plan on one batch, in one forward pass.

    `worlds`: the layout of the plan, if it is known. `done`: told the share of the layers whose
    hooks have fired. Raises `HookError` if a hook fires other
    than once.
    """
    worlds = worlds or lay_out(plan)
    hooks = _Hooks(model, plan, worlds, prompts, classes, done)
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
        done: Done,
    ) -> None:
        self._model = model
        self._plan = plan
        self._worlds = worlds
        self._prompts = prompts
        self._classes = classes
        self._done = done
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
        layer_of: dict[str, int] = {}
        if self._prompts.base_noise is not None or self._prompts.patched_noise is not None:
            found.append((self._model.hook_points.embed, self._add_noise))
        for layer, copies in enumerate(self._worlds.layers):
            of_layer = self._layer_functions(layer, copies)
            layer_of |= {name: layer for name, _ in of_layer}
            found += of_layer
        self._planned = [name for name, _ in found]
        return [
            (name, self._counted(name, function, layer_of.get(name, 0))) for name, function in found
        ]

    def _counted(self, name: str, function: HookFunction, layer: int) -> HookFunction:
        def counted(values: torch.Tensor, hook: Any) -> torch.Tensor:
            self._fired[name] += 1
            self._done(layer / len(self._worlds.layers))
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
        names = self._model.hook_points.layers[layer]
        device = self._classes.device
        found: list[tuple[str, HookFunction]] = []
        for name, chosen in ((names.q, copies.q), (names.k, copies.k), (names.v, copies.v)):
            gather = gather_of(chosen, device)
            if gather is not None:
                found.append((name, self._copying(gather)))
        if copies.by_distance:
            found += self._attention_by_distance(layer, copies.by_distance).functions()
        z = gather_of(copies.z, device)
        constants = self._prompts.constants
        if z is not None or constants is not None or copies.by_distance:
            value = None if constants is None else constants.z[layer]
            found.append((names.z, self._copying(z, value, copies.by_distance)))
        mlp = gather_of(copies.mlp, device)
        if names.mlp_out is not None and (mlp is not None or constants is not None):
            value = None if constants is None or constants.mlp is None else constants.mlp[layer]
            found.append((names.mlp_out, self._copying(mlp, value)))
        return found

    def _copying(
        self,
        gather: Gather | None,
        constant: torch.Tensor | None = None,
        by_distance: tuple[ByDistance, ...] = (),
    ) -> HookFunction:
        def copy(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            split = values.unflatten(0, (self._worlds.count, -1))
            whole = split if split.ndim == 5 else split.unsqueeze(3)
            if constant is not None or by_distance:
                whole = whole.clone()
            if constant is not None:
                whole[1] = constant if constant.ndim == 3 else constant.unsqueeze(1)
            for one in by_distance:
                homes = list(one.homes)
                whole[homes[0], :, :, one.head] = whole[homes, :, :, one.head].sum(0)
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

    def _attention_by_distance(
        self, layer: int, heads: tuple[ByDistance, ...]
    ) -> AttentionByDistance:
        positions = torch.arange(self._classes.shape[1], device=self._classes.device)
        masks = distance_masks(self._plan.alphabet.back_classes, positions, positions)
        return AttentionByDistance(self._model, layer, heads, masks, self._worlds.count)

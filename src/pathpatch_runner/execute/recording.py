"""A forward pass that keeps what some hook points see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from pathpatch_runner.model.load import LoadedModel

HookFunction = Callable[[torch.Tensor, Any], torch.Tensor]


@dataclass(frozen=True)
class Recorded:
    """`seen`: hook point -> its value; `logits` [batch, pos, d_vocab]."""

    seen: dict[str, torch.Tensor]
    logits: torch.Tensor


def recorded(
    model: LoadedModel,
    ids: torch.Tensor,
    names: Iterable[str],
    hooks: Iterable[tuple[str, HookFunction]] = (),
) -> Recorded:
    """One forward pass of token ids [batch, pos], keeping what the hook points `names` see.

    `hooks`: edits, made before. A hook point that does not fire is not in `seen`.
    """
    seen: dict[str, torch.Tensor] = {}

    def keeping(name: str) -> HookFunction:
        def keep(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            seen[name] = values
            return values

        return keep

    edits = [*hooks, *((name, keeping(name)) for name in dict.fromkeys(names))]
    return Recorded(seen, model.forward(ids, edits))

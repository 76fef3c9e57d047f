"""Edits tried on a model, many in one pass: each entry of the batch carries edits of its own.

A `Trial` is one entry. It says what is written where in each of three passes, and what is looked
at: between two passes, at the same entry, a value differs if and only if an edit reached it. All
else is the same in these passes, so that a difference of rounding alone does not look like one.
"""

from __future__ import annotations

import contextlib
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

PASSES = 3
NOISE = {torch.float64: 1e-12, torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}
"""Relative to an entry: differences that rounding can make all the same, where the experts of a
mixture are given other rows."""

Hook = Callable[[torch.Tensor, Any], torch.Tensor]
Forward = Callable[[torch.Tensor, list[tuple[str, Hook]]], torch.Tensor]
Edit = Callable[[torch.Tensor], torch.Tensor]
"""Of the values of one entry of the batch."""
Edits = Mapping[str, Sequence[Edit]]
"""Hook point -> the edit in each pass."""


@dataclass(frozen=True)
class Check:
    """Whether what is written at `point` reaches `target`, both hook points of a layer."""

    layer: int
    point: str
    target: str


@dataclass(frozen=True)
class Trial:
    """One entry of the batch. `watched`: hook points that are looked at besides the targets."""

    checks: tuple[Check, ...]
    edits: Edits
    watched: tuple[str, ...] = ()


Seen = Mapping[tuple[int, str], Sequence[torch.Tensor]]
"""(entry, hook point looked at) -> its values in each pass, before an edit there."""


def same(values: torch.Tensor) -> torch.Tensor:
    """No edit."""
    return values


def random(number: int) -> Edit:
    """Overwrite with random values, the same ones for the same number."""

    def edit(values: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(number)
        return torch.randn(values.shape, generator=generator).to(values)

    return edit


def plus_random(values: torch.Tensor) -> torch.Tensor:
    """Random changes; what is masked stays so."""
    return values + random(2)(values)


def on_one_head(scale: float) -> Edit:
    """A change of the first head of z [pos, n_heads, d_head] that is large beside what it is,
    times `scale`."""

    def edit(z: torch.Tensor) -> torch.Tensor:
        change = torch.zeros_like(z)
        change[:, 0] = random(1)(z)[:, 0] * (1 + 4 * z.abs().max()) * scale
        return z + change

    return edit


class _Seen(Exception):
    """Ends a pass; it never leaves this module."""


def run_trials(forward: Forward, ids: torch.Tensor, trials: Sequence[Trial], end: str) -> Seen:
    """Three passes of `ids` [trial, pos], which end when the hook point `end` is reached.

    Raises what the model raises.
    """
    seen: dict[tuple[int, str], list[torch.Tensor]] = defaultdict(list)
    for number in range(PASSES):
        hooks = _hooks_of(trials, number, seen, end)
        with warnings.catch_warnings(), contextlib.suppress(_Seen):
            # TransformerLens warns that an edit of dead scores is lost: what is to be found.
            lost = r"A hook on \S*hook_(attn_scores|pattern) returned a modified"
            warnings.filterwarnings("ignore", lost)
            try:
                forward(ids, hooks)
            except KeyError:
                # Hooks are looked up before anything is run. Only those for scores may be missing.
                forward(ids, [each for each in hooks if "attn_scores" not in each[0]])
    return seen


def _hooks_of(
    trials: Sequence[Trial], number: int, seen: dict[tuple[int, str], list[torch.Tensor]], end: str
) -> list[tuple[str, Hook]]:
    """One hook for each hook point that some trial edits or looks at."""
    edits: dict[str, list[tuple[int, Edit]]] = defaultdict(list)
    watched: dict[str, list[int]] = defaultdict(list)
    for entry, trial in enumerate(trials):
        for point in dict.fromkeys([*(check.target for check in trial.checks), *trial.watched]):
            watched[point].append(entry)
        for point, by_pass in trial.edits.items():
            edits[point].append((entry, by_pass[number]))

    def hook_at(point: str) -> Hook:
        def hook(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            for entry in watched[point]:
                seen[entry, point].append(values[entry].clone())
            if point == end:
                raise _Seen
            edited = values.clone()
            for entry, edit in edits[point]:
                edited[entry] = edit(values[entry])
            return edited

        return hook

    return [(point, hook_at(point)) for point in dict.fromkeys([*edits, *watched, end])]


def differs(values: Sequence[torch.Tensor]) -> bool:
    """Whether a value differs between the first two passes by more than rounding."""
    one, other = values[0], values[1]
    if torch.equal(one, other):
        return False
    gap = (one.double() - other.double()).abs()
    return bool((gap > NOISE[one.dtype] * (one.double().abs() + other.double().abs())).any())

"""Pairs that choose, and pairs that are reported on.

What is chosen because it looks large on some pairs looks smaller on others: the choice took chance
along. So a search chooses on one part of the pairs, and every number that it reports comes from the
rest, which chose nothing.

Pairs that share a prompt stay together: of the ids `7:abc` and `7:swap`, which are two corruptions
of one clean prompt, the *prompt* is `7`. And where ids say which template a prompt was made from,
as in `door-3`, each template is divided alike: its name is the id without digits.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Split:
    """Numbers of pairs, ascending."""

    selection: tuple[int, ...]
    confirmation: tuple[int, ...]


def split_pairs(pair_ids: Sequence[str], confirm: float, seed: int) -> Split:
    """`confirm`: the share of prompts that are reported on; at least one on each side, if there are
    two. Which ones depends on the ids and the seed, not on their order."""
    prompts = sorted({_prompt(pair_id) for pair_id in pair_ids})
    templates: dict[str, list[str]] = {}
    for prompt in prompts:
        templates.setdefault(re.sub(r"\d+", "", prompt), []).append(prompt)
    rng = random.Random(f"split/{seed}")
    # One row of prompts, template by template, divided at even distances: no template is off by
    # more than one, nor are all together.
    row = [prompt for name in sorted(templates) for prompt in _shuffled(templates[name], rng)]
    offset = rng.random()
    marks = [int(number * confirm + offset) for number in range(len(row) + 1)]
    kept = {prompt for prompt, a, b in zip(row, marks, marks[1:], strict=False) if b > a}
    if len(row) > 1:
        kept = (kept or {row[0]}) if len(kept) < len(row) else kept - {row[0]}
    chosen = [_prompt(pair_id) in kept for pair_id in pair_ids]
    return Split(
        tuple(number for number, confirms in enumerate(chosen) if not confirms),
        tuple(number for number, confirms in enumerate(chosen) if confirms),
    )


def _shuffled(prompts: list[str], rng: random.Random) -> list[str]:
    return rng.sample(prompts, len(prompts))


def _prompt(pair_id: str) -> str:
    return pair_id.partition(":")[0]

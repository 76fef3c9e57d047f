"""How long the prompts of a proof are."""

from __future__ import annotations

import dataclasses

import pytest

from pathpatch_runner.dataset import Pair
from pathpatch_runner.execute.delta.proof import proof_length
from plan.small import TWO_LAYERS


@pytest.mark.parametrize(
    ("longest", "n_ctx", "length"),
    [(1, 16, 1), (2, 16, 2), (3, 16, 4), (4, 16, 4), (5, 16, 8), (9, 16, 16), (9, 12, 12)],
)
def test_the_longest_prompt_in_powers_of_two(longest: int, n_ctx: int, length: int) -> None:
    shape = dataclasses.replace(TWO_LAYERS, n_ctx=n_ctx)
    pairs = [Pair(str(n), (0,) * n, (1,) * n, (), {}) for n in (1, longest)]
    assert proof_length(pairs, shape) == length

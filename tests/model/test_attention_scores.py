"""Recomputed scores of native models give the pattern that the model itself has."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from model.small_models import NATIVE, loaded
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.attention import attention_scores

IDS = torch.tensor([[1, 0, 5, 9, 0, 2], [4, 4, 4, 0, 10, 3]])


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("layer", [0, 1])
def test_the_softmax_of_the_scores_is_the_pattern(name: str, layer: int) -> None:
    model = loaded(name)
    names = model.hook_points.layers[layer]
    seen: dict[str, torch.Tensor] = {}
    # Scaled up, or the pattern would hardly depend on the scores of a random model.
    scales = {names.q: 20.0, names.k: 20.0, names.pattern: 1.0}

    def hook_at(point: str) -> Any:
        def hook(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            seen[point] = values * scales[point]
            return seen[point]

        return hook

    model.forward(IDS, [(point, hook_at(point)) for point in scales])
    scores = attention_scores(model, layer, seen[names.q], seen[names.k])
    later = torch.ones(6, 6, dtype=torch.bool).triu(1)
    hidden = later if name != "bidirectional" else torch.zeros_like(later)
    assert torch.equal(scores == -torch.inf, hidden.expand_as(scores))
    pattern = seen[names.pattern]
    torch.testing.assert_close(scores.softmax(-1), pattern, rtol=0, atol=1e-12)
    assert float(pattern[..., -1, :].std()) > 0.01, "the case tells nothing"


def test_other_models_have_none() -> None:
    model = loaded("gptj")
    q = torch.zeros(1, 3, 2, 8, dtype=torch.float64)
    with pytest.raises(ModelError) as caught:
        attention_scores(model, 0, q, q)
    assert str(caught.value) == (
        'model "random-gptj": how it computes its attention scores is not known, and they cannot '
        "be edited"
    )

"""What path sets carry into the logits, against a reading of the model's own hooks."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from execute.models import specimen
from execute.path_sets import random_pairs, task_of
from pathpatch_runner.config import Direction
from pathpatch_runner.execute.delta.carried import carried, token_changes
from pathpatch_runner.execute.task import Task
from pathpatch_runner.plan.compile import compile_plan
from plan.small import path_set

STEP = 1e-5


def seen(task: Task, ids: torch.Tensor, name: str) -> torch.Tensor:
    """What a hook point sees [pair, pos, ...] on token ids."""
    _, cache = task.model.bridge.run_with_cache(ids)
    values: torch.Tensor = cache[name].detach()
    return values


def derivative(task: Task, base: np.ndarray, write: np.ndarray) -> np.ndarray:
    """Of layer norm or RMSNorm, by central differences of its formula."""
    original = task.model.bridge.original_model
    centred = hasattr(original, "transformer")
    part = original.transformer.ln_f if centred else original.model.norm
    eps = part.eps if centred else part.variance_epsilon
    weight = part.weight.detach().numpy()

    def formula(x: np.ndarray) -> np.ndarray:
        if centred:
            x = x - x.mean(-1, keepdims=True)
        normed: np.ndarray = x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * weight
        return normed

    change: np.ndarray = formula(base + STEP * write) - formula(base - STEP * write)
    return change / (2 * STEP)


@pytest.mark.parametrize(("name", "tolerance"), [("gpt2", 1e-8), ("llama", 1e-2)])
@pytest.mark.parametrize("direction", list(Direction))
def test_the_write_of_a_head_read_through_the_norm(
    name: str, tolerance: float, direction: Direction
) -> None:
    """The tail `a1.h1 -> logits` changes what a1.h1 writes: its z times its rows of W_O."""
    model = specimen(name).model
    sets = [path_set(model.shape, "a1.h1 -> logits"), path_set(model.shape, "input => logits")]
    pairs = random_pairs(random.Random(3), 11, (5, 5, 4), everywhere=True)
    task, alphabet = task_of(model, pairs, sets)
    found = carried(task, compile_plan(sets, alphabet), direction)
    totals = np.zeros((2, model.shape.d_model))
    n_points = 0
    for pair in pairs.pairs:
        ids = [torch.tensor([each]) for each in (pair.clean, pair.corrupt)]
        base, patched = ids if direction is Direction.noising else ids[::-1]
        z = [seen(task, each, "blocks.1.attn.hook_z")[0] for each in (base, patched)]
        change = (z[1] - z[0]).reshape(len(pair.clean), model.shape.n_heads, -1)[:, 1]
        head = change @ model.bridge.blocks[1].attn.W_O[1].detach()
        final = [seen(task, each, "blocks.1.hook_resid_post")[0] for each in (base, patched)]
        for point in pair.points:
            stream = final[0][point.position].numpy()
            for row, write in enumerate((head, final[1] - final[0])):
                totals[row] += derivative(task, stream, write[point.position].numpy())
            n_points += 1
    assert found == pytest.approx(totals / n_points, rel=tolerance, abs=tolerance)


def test_logit_changes_are_less_their_mean() -> None:
    model = specimen("gpt2").model
    task, _ = task_of(model, random_pairs(random.Random(3), 11, (4,), everywhere=True), [])
    vectors = np.random.default_rng(0).normal(size=(2, model.shape.d_model))
    found = token_changes(task, vectors)
    weight = model.bridge.original_model.lm_head.weight.detach().numpy()
    logits = vectors @ weight.T
    assert found == pytest.approx(logits - logits.mean(-1, keepdims=True))
    assert found.sum(-1) == pytest.approx([0, 0], abs=1e-9)

"""Short paths of deep models, heads of all layers together: against hooks, and by stage."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from execute.models import GROUPED, NEW, OLD
from execute.path_sets import random_pairs, task_of
from execute.test_narrow import single_paths
from pathpatch_runner.config import Direction, Dtype
from pathpatch_runner.execute.delta.base_heads import kinds_of_layers
from pathpatch_runner.execute.delta.heads import StepHeads
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.model.nodes import node_functions
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.model.source import source_of
from pathpatch_runner.plan import schedule, waves
from pathpatch_runner.plan.compile import compile_plan
from plan.small import path_set

LAYERS = 6
LOCAL = {
    "num_layers": LAYERS,
    "num_heads": 2,
    "hidden_size": 16,
    "vocab_size": 11,
    "max_position_embeddings": 16,
    "window_size": 2,
    "attention_types": [[["global", "local"], LAYERS // 2]],
}
# (architecture, config, kinds of layers, number format, tolerance relative to the largest value)
CASES: dict[str, tuple[str, dict[str, Any], int, Dtype, float]] = {
    "gpt2": ("gpt2", {**OLD, "n_layer": LAYERS}, 1, Dtype.float64, 1e-10),
    "other scales": (
        "gpt2",
        {**OLD, "n_layer": LAYERS, "scale_attn_by_inverse_layer_idx": True},
        LAYERS,
        Dtype.float64,
        1e-10,
    ),
    "local and global": ("gpt_neo", LOCAL, 2, Dtype.float64, 1e-10),
    "grouped and turned": (
        "llama",
        {**GROUPED, "num_hidden_layers": LAYERS},
        1,
        Dtype.float32,
        2e-5,
    ),
    "some turned": (
        "smollm3",
        {
            **GROUPED,
            "num_hidden_layers": LAYERS,
            "no_rope_layers": [1, 1, 0] * (LAYERS // 3),
            "pad_token_id": 0,
        },
        2,
        Dtype.float32,
        2e-5,
    ),
    "parallel": (
        "gpt_neox",
        {**NEW, "num_attention_heads": 2, "num_hidden_layers": LAYERS},
        1,
        Dtype.float64,
        1e-10,
    ),
}


def model_of(name: str) -> LoadedModel:
    architecture, fields, _, dtype, _ = CASES[name]
    config = RandomModelConfig(architecture=architecture, config=fields, dtype=dtype)
    return load_model(source_of(config, 0), "cpu")


def some_sets(model: LoadedModel) -> list[PathSet]:
    """Single paths, and some that read through all slots of a head."""
    last = LAYERS - 1
    whole = [f"a0.h1 -> a{last}.h0 -> logits", f"input -> a2.h0 -> m{last}<> -> logits"]
    whole = [text.replace("<>", "") for text in whole]
    return [*single_paths(model, 120), *[path_set(model.shape, text) for text in whole]]


def values(name: str, model: LoadedModel, executor: str) -> np.ndarray:
    pairs = random_pairs(random.Random(name), 11, (6, 5, 6), everywhere=False)
    sets = some_sets(model)
    task, alphabet = task_of(model, pairs, sets)
    found = evaluate(executor, task, compile_plan(sets, alphabet), list(Direction)).patched
    return np.stack([found[direction] for direction in Direction])


@pytest.mark.parametrize("name", CASES)
def test_waves_stages_and_hooks_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(name)
    steps: list[int] = []
    evaluated = StepHeads.evaluate

    def counted(self: StepHeads, step: Any, members: np.ndarray, positions: Any) -> None:
        steps.append(len({self._graph.nodes[node].layer for node in step.nodes[members]}))
        evaluated(self, step, members, positions)

    monkeypatch.setattr(StepHeads, "evaluate", counted)
    expected = values(name, model, "hooks")
    tolerance = CASES[name][-1] * float(np.abs(expected).max())
    found = values(name, model, "delta")
    # Heads of several layers were evaluated at once.
    assert max(steps) > LAYERS // 2
    assert found == pytest.approx(expected, abs=tolerance)
    monkeypatch.setattr(waves, "WAVE_ELEMENTS", 40)
    assert values(name, model, "delta") == pytest.approx(expected, abs=tolerance)
    steps.clear()
    monkeypatch.setattr(schedule, "waves_of", lambda *_: None)
    assert values(name, model, "delta") == pytest.approx(expected, abs=tolerance)
    assert max(steps) == 1


@pytest.mark.parametrize("name", CASES)
def test_layers_that_work_alike_are_of_one_kind(name: str) -> None:
    kinds = kinds_of_layers(node_functions(model_of(name), 6).attention)
    assert len(kinds) == LAYERS
    assert len(np.unique(kinds)) == CASES[name][2]

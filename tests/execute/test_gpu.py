"""Both executors on an accelerator, against the CPU in float64."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
import torch

from execute.path_sets import random_pairs, random_path_set, task_of
from pathpatch_runner.config import Direction, Dtype
from pathpatch_runner.execute.delta.steps import StepLoop
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.graph import Graph
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.model.source import source_of
from pathpatch_runner.plan.compile import compile_plan

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs cuda"),
]
SIZES = {"n_layer": 3, "n_head": 4, "n_embd": 64, "vocab_size": 50, "n_positions": 32}
CONFIG = RandomModelConfig(architecture="gpt2", config=SIZES)
NOISING = Direction.noising
TOLERANCE = {Dtype.float32: 1e-4, Dtype.bfloat16: 0.05}


def model(dtype: Dtype, device: str) -> LoadedModel:
    return load_model(source_of(dataclasses.replace(CONFIG, dtype=dtype), 0), device)


def some_sets() -> list[PathSet]:
    rng = random.Random(0)
    graph = Graph(model(Dtype.float64, "cpu").shape)
    return [random_path_set(rng, graph, positions=True, back=True) for _ in range(12)]


def values(dtype: Dtype, device: str, *, delta: bool) -> np.ndarray:
    sets = some_sets()
    pairs = random_pairs(random.Random(1), 50, (9, 9, 7), everywhere=True)
    task, alphabet = task_of(model(dtype, device), pairs, sets)
    name = "delta" if delta else "hooks"
    return evaluate(name, task, compile_plan(sets, alphabet), [NOISING]).patched[NOISING]


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("delta", [False, True])
def test_an_accelerator_agrees_with_the_cpu(dtype: Dtype, delta: bool) -> None:
    expected = values(Dtype.float64, "cpu", delta=True)
    found = values(dtype, "cuda", delta=delta)
    assert found == pytest.approx(expected, abs=TOLERANCE[dtype] * np.abs(expected).max())


def test_nothing_in_the_loop_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    run = StepLoop.run

    def watched(loop: StepLoop) -> None:
        torch.cuda.set_sync_debug_mode("error")
        try:
            run(loop)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(StepLoop, "run", watched)
    values(Dtype.float32, "cuda", delta=True)

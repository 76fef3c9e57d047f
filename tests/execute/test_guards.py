"""Guards: they hold on every architecture and number format, and notice what is broken."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest
import torch

import pathpatch_runner.execute.hooks.passes as passes_module
from execute.models import NAMES, NATIVE, specimen
from execute.path_sets import random_pairs, task_of
from pathpatch_runner.config import Dtype, PatchConfig
from pathpatch_runner.errors import GuardError
from pathpatch_runner.execute.guards import CAUGHT, DIRECT, Guard, check_guards, with_broken_twin
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.execute.task import Task
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.graph import Graph
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.model.source import source_of
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.worlds import lay_out
from plan.small import path_set

SIZES = {"n_layer": 2, "n_head": 4, "n_embd": 64, "vocab_size": 50, "n_positions": 16}
LLAMA = {
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 64,
    "intermediate_size": 96,
    "vocab_size": 50,
    "max_position_embeddings": 16,
}


def guard_task(model: LoadedModel) -> Task:
    pairs = random_pairs(
        random.Random(1),
        model.shape.d_vocab,
        (5, 5),
        everywhere=False,
        n_logits=model.shape.n_logits,
    )
    task, _ = task_of(model, pairs, [()])
    return task


def guards_of(task: Task) -> dict[str, Guard]:
    return {guard.name: guard for guard in check_guards(task)}


@pytest.mark.parametrize("name", NAMES)
def test_guards_hold_in_three_passes(name: str) -> None:
    task = guard_task(specimen(name).model)
    before = task.model.passes["guards"]
    guards = guards_of(task)
    assert task.model.passes["guards"] - before == 3
    assert guards["patch nothing = clean"].value < 1e-9
    assert guards[DIRECT].value < guards[DIRECT].tolerance
    # What a broken plan is off by is the whole effect.
    assert guards[CAUGHT].value == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("dtype", [Dtype.bfloat16, Dtype.float16])
@pytest.mark.parametrize(("architecture", "sizes"), [("gpt2", SIZES), ("llama", LLAMA)])
def test_half_precision(dtype: Dtype, architecture: str, sizes: dict[str, int]) -> None:
    config = RandomModelConfig(architecture=architecture, config=sizes, dtype=dtype)
    guards = guards_of(guard_task(load_model(source_of(config, 0), "cpu")))
    assert guards[CAUGHT].value == pytest.approx(1, abs=0.1)
    assert guards[DIRECT].value < guards[DIRECT].tolerance


def test_noise_too_small_to_see() -> None:
    """The control plants its own change: it does not hang on how much the data's changes."""
    model = load_model(source_of(RandomModelConfig(architecture="gpt2", config=SIZES), 0), "cpu")
    task = guard_task(model)
    source = source_named("noise")(PatchConfig(source="noise", noise_scale=1e-3), 0)
    guards = guards_of(dataclasses.replace(task, source=source.on(model, task.pairs)))
    assert guards[CAUGHT].value == pytest.approx(1, abs=1e-2)


def native(**unembedding: torch.Tensor) -> LoadedModel:
    """An attention-only native model in float64 with another unembedding."""
    fields = {**NATIVE["attention only"], "normalization_type": None}
    model = load_model(source_of(NativeModelConfig(config=fields, dtype=Dtype.float64), 0), "cpu")
    with torch.no_grad():
        for name, value in unembedding.items():
            getattr(model.bridge.original_model.head, name).copy_(value)
    return model


def test_logits_that_do_not_read_the_tokens_embeddings() -> None:
    """As in a compiled program: tokens are embedded in the first half of the stream, logits read
    the second half, so that no change of tokens reaches them directly."""
    model = native()
    with torch.no_grad():
        half = model.shape.d_model // 2
        model.bridge.original_model.tok_embed.weight[:, half:] = 0
        model.bridge.original_model.head.weight[:, :half] = 0
    assert guards_of(guard_task(model))[CAUGHT].value == pytest.approx(1, abs=1e-6)


def test_logits_that_read_nothing() -> None:
    model = native(weight=torch.zeros(11, 16))
    guards = guards_of(guard_task(model))
    for name in (DIRECT, CAUGHT):
        assert guards[name].note == "not made: no change of the input changes a logit directly"
        assert math.isnan(guards[name].value)
        assert guards[name].passed
    assert guards["patch nothing = clean"].note == ""


def test_a_hook_that_changes_what_it_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes_module, "copy_between_worlds", lambda values, *_: values * 1.01)
    with pytest.raises(GuardError, match="nothing was run"):
        check_guards(guard_task(specimen("gpt2").model))


def test_a_broken_twin_has_the_copies_of_its_original() -> None:
    graph = Graph(specimen("gpt2").model.shape)
    worlds = lay_out(compile_plan([path_set(graph.shape, "input -> logits")], Alphabet(graph)))
    twin = with_broken_twin(worlds)
    assert twin.count == worlds.count + 1 == 4
    assert twin.inputs == ((0,), (1,), (1,), (0,))
    for before, after in zip(worlds.layers, twin.layers, strict=True):
        # z of two heads and the MLP of world 2 are the base run's, and so are world 3's.
        assert [(copy.world, copy.sources) for copy in before.z] == [(2, (0,))] * 2
        assert [copy.world for copy in after.z] == [2, 2, 3, 3]
        assert [(copy.world, copy.sources) for copy in after.mlp] == [(2, (0,)), (3, (0,))]

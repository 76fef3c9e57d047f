"""The `delta` executor: it evaluates only what it must, in any chunks, and proves itself."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter

import numpy as np
import pytest
import torch

from execute.models import GROUPED, NEW, specimen
from execute.path_sets import random_pairs, random_path_set, task_of
from pathpatch_runner.config import Backend, Direction, Dtype
from pathpatch_runner.errors import ExecutionError
from pathpatch_runner.execute.backend import decide_backend
from pathpatch_runner.execute.delta.executor import DeltaOnBatch
from pathpatch_runner.execute.delta.steps import StepLoop
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.guards import check_guards
from pathpatch_runner.execute.memory import Budget
from pathpatch_runner.execute.pace import Done
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.graph import Graph
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.model.source import source_of
from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.compile import compile_plan
from plan.small import path_set

NOISING = Direction.noising


def some_sets(count: int, seed: int = 0) -> list[PathSet]:
    rng = random.Random(seed)
    graph = Graph(specimen("gpt2").model.shape)
    return [random_path_set(rng, graph, positions=True, back=True) for _ in range(count)]


def values(sets: list[PathSet], budget: Budget | None = None) -> np.ndarray:
    model = specimen("gpt2").model
    pairs = random_pairs(random.Random(1), 11, (5, 5, 4), everywhere=True)
    task, alphabet = task_of(model, pairs, sets)
    if budget is not None:
        task = dataclasses.replace(task, budget=budget)
    return evaluate("delta", task, compile_plan(sets, alphabet), [NOISING]).patched[NOISING]


def test_chunks_do_not_change_results() -> None:
    sets = some_sets(8)
    assert values(sets, Budget(60_000, None)) == pytest.approx(values(sets), abs=1e-12)


def test_neither_order_nor_company_changes_results() -> None:
    # The same positions and distances must be told apart in every company, so take sets from one
    # run and evaluate them reversed and alone.
    sets = some_sets(8)
    together = values(sets)
    assert values(sets[::-1])[::-1] == pytest.approx(together, abs=1e-12)
    for number in (0, 5):
        assert values([sets[number]])[0] == pytest.approx(together[number], abs=1e-12)


def test_chunks_of_the_hooks_executor_do_not_change_results() -> None:
    model = specimen("gpt2").model
    sets = some_sets(6)
    pairs = random_pairs(random.Random(1), 11, (5, 5, 4), everywhere=True)
    task, alphabet = task_of(model, pairs, sets)
    plan = compile_plan(sets, alphabet)
    before = model.passes["execute"]
    whole = evaluate("hooks", task, plan, [NOISING])
    tight = dataclasses.replace(task, budget=Budget(2**31, 5 * 30))
    parts = evaluate("hooks", tight, plan, [NOISING])
    once = whole.passes["execute"] - before
    assert parts.passes["execute"] - whole.passes["execute"] > once
    assert parts.patched[NOISING] == pytest.approx(whole.patched[NOISING], abs=1e-12)


@pytest.mark.parametrize(
    ("text", "evaluated"),
    [
        ("a0.h0 -> a1.h1<q> -> logits", {"a1.h1": 1}),
        # Nothing of the first layer is evaluated for a sender of the last one.
        ("a1.h0 => logits", {"m1": 1}),
        ("a0.h1 => logits", {"m0": 1, "a1.h0": 1, "a1.h1": 1, "m1": 1}),
    ],
)
def test_only_what_changes_is_evaluated(
    text: str, evaluated: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: Counter[str] = Counter()
    run = StepLoop.run

    def watched(loop: StepLoop) -> None:
        run(loop)
        counted.update(loop.evaluated)

    monkeypatch.setattr(StepLoop, "run", watched)
    model = specimen("gpt2").model
    sets = [path_set(model.shape, text)]
    pairs = random_pairs(random.Random(1), 11, (5, 5), everywhere=False)
    task, alphabet = task_of(model, pairs, sets)
    evaluate("delta", task, compile_plan(sets, alphabet), [NOISING])
    assert counted == evaluated


def test_nothing_in_the_loop_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a value on the host would empty the queue of an accelerator."""
    asked: list[str] = []
    run = StepLoop.run

    def watched(loop: StepLoop) -> None:
        with monkeypatch.context() as patch:
            for name in ("cpu", "item", "tolist", "numpy", "nonzero", "__bool__", "__int__"):
                patch.setattr(torch.Tensor, name, lambda *_, name=name: asked.append(name))
            run(loop)

    monkeypatch.setattr(StepLoop, "run", watched)
    values(some_sets(8))
    assert asked == []


def test_running_out_of_memory_halves_the_chunk(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sets = some_sets(8)
    expected = values(sets)
    original = DeltaOnBatch.patched

    def scarce(self: DeltaOnBatch, chunk: Chunk, direction: Direction, done: Done) -> torch.Tensor:
        if len(chunk.units) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return original(self, chunk, direction, done)

    monkeypatch.setattr(DeltaOnBatch, "patched", scarce)
    assert values(sets) == pytest.approx(expected, abs=1e-12)
    assert "out of memory with 8 units at once: halved" in caplog.text


def test_a_wrong_statement_of_the_model_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scale that is off by a thousandth sends the run to `hooks`, with the reason."""
    import pathpatch_runner.model.nodes as nodes

    one = specimen("gpt2")
    pairs = random_pairs(random.Random(1), 11, (5, 5), everywhere=False)
    sets = [path_set(one.model.shape, "a0.h0 -> logits")]
    task, alphabet = task_of(one.model, pairs, sets)
    plan = compile_plan(sets, alphabet)
    assert decide_backend(Backend.auto, task, plan).backend is Backend.delta
    right = nodes._scale
    monkeypatch.setattr(nodes, "_scale", lambda *a: 1.001 * right(*a))
    decision = decide_backend(Backend.auto, task, plan)
    assert decision.backend is Backend.hooks
    assert decision.reason.startswith('check "delta: heads of layer')
    assert not all(guard.passed for guard in decision.guards)
    with pytest.raises(ExecutionError) as caught:
        decide_backend(Backend.delta, task, plan)
    assert str(caught.value) == (
        f"runtime.backend: delta cannot be used with this model: {decision.reason}. Use "
        "runtime.backend=auto or hooks"
    )


def test_distances_that_hooks_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPT-J's scores cannot be edited through its bridge: say what can be had, truly."""
    import pathpatch_runner.model.nodes as nodes

    one = specimen("gptj")
    pairs = random_pairs(random.Random(1), 11, (5, 5), everywhere=False)
    sets = [path_set(one.model.shape, "input -> a1.h0<v~1> -> logits")]
    task, alphabet = task_of(one.model, pairs, sets)
    plan = compile_plan(sets, alphabet)
    assert decide_backend(Backend.auto, task, plan).backend is Backend.delta
    why = (
        f'the attention scores of model "{one.model.name}" cannot be edited through its bridge, so '
        "keys and values cannot be told apart by distance (~)"
    )
    with pytest.raises(ExecutionError) as caught:
        decide_backend(Backend.hooks, task, plan)
    assert str(caught.value) == (
        f"runtime.backend: hooks cannot run this: {why}. delta can: use runtime.backend=auto or "
        "delta"
    )
    monkeypatch.setattr(nodes, "_scale", lambda *_: 1.0)
    for wanted in (Backend.auto, Backend.delta):
        with pytest.raises(ExecutionError) as caught:
            decide_backend(wanted, task, plan)
        assert f"neither executor can run this. hooks: {why}. delta: check " in str(caught.value)
        assert "use runtime.backend" not in str(caught.value)


@pytest.mark.parametrize(
    ("architecture", "fields", "backend"),
    [
        # The window is said by the config, not by its attention: three tokens of five.
        ("mistral", {**GROUPED, "sliding_window": 3}, Backend.delta),
        # Queries and keys have norms of their own.
        ("qwen3", {**GROUPED, "head_dim": 8}, Backend.delta),
        # Logits are scaled; rotary pairs are neighbours.
        ("cohere", NEW, Backend.delta),
        # Norms after attention and MLP only.
        ("olmo2", NEW, Backend.hooks),
        # The MLP is a mixture of experts.
        ("mixtral", {**GROUPED, "num_local_experts": 2}, Backend.hooks),
    ],
)
def test_other_architectures_have_one_of_the_executors(
    architecture: str, fields: dict[str, object], backend: Backend
) -> None:
    config = RandomModelConfig(architecture=architecture, config=fields)
    model = load_model(source_of(config, 0), "cpu")
    pairs = random_pairs(random.Random(1), 11, (5, 5), everywhere=False)
    sender = "a0" if architecture == "olmo2" else "a0.h1"
    sets = [path_set(model.shape, f"{sender} => logits")]
    task, alphabet = task_of(model, pairs, sets)
    assert all(guard.passed for guard in check_guards(task))
    plan = compile_plan(sets, alphabet)
    decision = decide_backend(Backend.auto, task, plan)
    assert decision.backend is backend, decision.reason
    found = evaluate("hooks", task, plan, [NOISING])
    slow = found.patched[NOISING]
    # Between patching nothing and patching everything, and neither of them.
    for plain in (found.clean, found.corrupt):
        assert abs(slow - plain).max() > 1e-6
    if backend is Backend.delta:
        fast = evaluate("delta", task, compile_plan(sets, alphabet), [NOISING]).patched[NOISING]
        assert fast == pytest.approx(slow, abs=1e-4 * np.abs(slow).max())


def test_weights_that_are_not_numbers() -> None:
    config = RandomModelConfig(
        architecture="gpt2",
        config={"n_layer": 1, "n_head": 2, "n_embd": 16, "vocab_size": 11, "n_positions": 16},
    )
    model = load_model(source_of(config, 0), "cpu")
    with torch.no_grad():
        model.bridge.original_model.transformer.ln_f.weight[0] = torch.nan
    pairs = random_pairs(random.Random(1), 11, (5, 5), everywhere=False)
    sets = [path_set(model.shape, "a0.h0 -> logits")]
    task, alphabet = task_of(model, pairs, sets)
    message = (
        'logits of the clean and the corrupt run on pair "0" at position 4 are NaN or infinite. '
        "Try model.dtype float32"
    )
    with pytest.raises(ExecutionError, match=message):
        evaluate("hooks", task, compile_plan(sets, alphabet), [NOISING])
    with pytest.raises(ExecutionError, match=message):
        evaluate("delta", task, compile_plan(sets, alphabet), [NOISING])


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_float32_is_within_a_ten_thousandth(architecture: str) -> None:
    shapes = {
        "gpt2": {"n_layer": 3, "n_head": 4, "n_embd": 32, "vocab_size": 50, "n_positions": 32},
        # SmolLM2's: grouped queries, RMSNorm, rotary.
        "llama": {
            "num_hidden_layers": 3,
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
            "hidden_size": 72,
            "intermediate_size": 192,
            "vocab_size": 50,
            "max_position_embeddings": 32,
        },
    }
    config = RandomModelConfig(
        architecture=architecture,
        config={**shapes[architecture], "initializer_range": 0.2},
        dtype=Dtype.float32,
    )
    model = load_model(source_of(config, 0), "cpu")
    rng = random.Random(3)
    sets = [random_path_set(rng, Graph(model.shape), positions=True, back=True) for _ in range(6)]
    task, alphabet = task_of(model, random_pairs(rng, 50, (12, 12), everywhere=False), sets)
    slow = evaluate("hooks", task, compile_plan(sets, alphabet), [NOISING])
    fast = evaluate("delta", task, compile_plan(sets, alphabet), [NOISING])
    scale = abs(slow.patched[NOISING]).max()
    assert abs(fast.patched[NOISING] - slow.patched[NOISING]).max() < 1e-4 * scale


def test_hooks_are_removed_after_an_exception() -> None:
    model = specimen("gpt2").model
    ids = torch.tensor([[1, 2, 3]])
    before = model.forward(ids, [])

    def fail(values: torch.Tensor, hook: object) -> torch.Tensor:
        del values, hook
        raise RuntimeError("in a hook")

    with pytest.raises(RuntimeError, match="in a hook"):
        model.forward(ids, [(model.hook_points.layers[0].q, fail)])
    assert torch.equal(model.forward(ids, []), before)

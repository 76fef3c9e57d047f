"""Narrow streams: norms as numbers, and the same values as with streams that are made."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from execute.models import NEW, specimen
from execute.path_sets import random_pairs, task_of
from pathpatch_runner.config import Direction, Dtype
from pathpatch_runner.execute.delta import readout
from pathpatch_runner.execute.delta.deltas import Deltas, Selection
from pathpatch_runner.execute.delta.narrow import Narrow
from pathpatch_runner.execute.delta.narrow_logits import NarrowLogits
from pathpatch_runner.execute.delta.norm_form import norm_form
from pathpatch_runner.execute.delta.writers import Writers
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.count import draw_paths
from pathpatch_runner.expression.single import single_route
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.spectrum import Spectrum
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.model.nodes import node_functions
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.model.source import source_of
from pathpatch_runner.plan.compile import compile_plan

WIDTH = 6
LIKE = torch.zeros(1, dtype=torch.float64)
Function = Callable[[torch.Tensor], torch.Tensor]


def layer_norm(eps: float) -> Function:
    weight = torch.tensor([1.0, -2.0, 0.5, 3.0, 0.0, 1.5], dtype=torch.float64)
    bias = torch.arange(6, dtype=torch.float64)

    def norm(x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return weight * centred / (centred.pow(2).mean(-1, keepdim=True) + eps).sqrt() + bias

    return norm


def rms_norm(x: torch.Tensor) -> torch.Tensor:
    return 2.0 * x * (x.pow(2).mean(-1, keepdim=True) + 1e-6).rsqrt()


@pytest.mark.parametrize("eps", [1e-5, 1e-3, 1e-12])
def test_a_layer_norm_is_read_back(eps: float) -> None:
    form = norm_form(layer_norm(eps), WIDTH, LIKE)
    assert form is not None
    assert form.centres
    assert form.weight.tolist() == pytest.approx([1.0, -2.0, 0.5, 3.0, 0.0, 1.5], abs=1e-9)
    assert form.bias.tolist() == pytest.approx(list(range(6)))
    assert form.eps == pytest.approx(eps, rel=1e-6, abs=1e-15)


def test_an_rms_norm_and_no_norm_are_read_back() -> None:
    form = norm_form(rms_norm, WIDTH, LIKE)
    assert form is not None
    assert (form.centres, form.bias.tolist()) == (False, [0.0] * 6)
    assert form.weight.tolist() == pytest.approx([2.0] * 6)
    assert form.eps == pytest.approx(1e-6)
    nothing = norm_form(lambda x: x, WIDTH, LIKE)
    assert nothing is not None
    assert (nothing.eps, nothing.weight.tolist()) == (None, [1.0] * 6)


@pytest.mark.parametrize(
    "norm",
    [
        torch.tanh,
        lambda x: x / x.abs().mean(-1, keepdim=True).clamp(min=1e-6),
        lambda x: rms_norm(x) + 1e-3 * torch.sin(x),
    ],
)
def test_what_is_no_such_norm_has_no_form(norm: Function) -> None:
    assert norm_form(norm, WIDTH, LIKE) is None


def test_formats_of_few_digits_and_odd_widths_have_no_form() -> None:
    assert norm_form(rms_norm, WIDTH, LIKE.bfloat16()) is None
    assert norm_form(rms_norm, 5, LIKE) is None


def single_paths(model: LoadedModel, count: int) -> list[PathSet]:
    """Up to three nodes between the ends."""
    graph = Graph(model.shape)
    every = Spectrum(graph, 3, tuple(range(1, graph.logits)), (), True).union()
    drawn = draw_paths(every, graph, count, 0, distinct=True)
    return [(single_route(path, graph),) for path in drawn]


def values_of(
    model: LoadedModel, sets: list[PathSet], name: str, metrics: tuple[str, ...]
) -> dict[Direction, np.ndarray]:
    pairs = random_pairs(random.Random(2), 11, (5, 4), everywhere=True)
    task, alphabet = task_of(model, pairs, sets, metrics)
    plan = compile_plan(sets, alphabet)
    return dict(evaluate(name, task, plan, list(Direction)).patched)


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "gptj", "native rotary grouped"])
@pytest.mark.parametrize("metrics", [("logit_diff",), ("logit_diff", "logprob")])
def test_narrow_and_wide_streams_give_the_same(
    name: str, metrics: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = specimen(name).model
    sets = single_paths(model, 60)
    narrow: list[int] = []
    taken = Deltas.narrow

    def counted(self: Deltas, ids: np.ndarray, positions: Any) -> Any:
        narrow.append(len(ids))
        return taken(self, ids, positions)

    monkeypatch.setattr(Deltas, "narrow", counted)
    found = values_of(model, sets, "delta", metrics)
    assert sum(narrow) >= 10
    monkeypatch.setattr(Narrow, "of", classmethod(lambda *_: None))
    narrow.clear()
    wide = values_of(model, sets, "delta", metrics)
    assert not narrow
    for direction in Direction:
        assert found[direction] == pytest.approx(wide[direction], abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("saves", [True, False])
@pytest.mark.parametrize("name", ["gpt2", "attention only", "native rotary grouped"])
def test_all_logits_of_narrow_streams(
    name: str, saves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one and many at a time, where that takes fewer multiplications and where not."""
    model = specimen(name).model
    sets = single_paths(model, 60)
    metrics = ("logit_diff", "loss", "kl")
    made: list[int] = []
    blocks = NarrowLogits.blocks

    def counted(self: NarrowLogits, z: torch.Tensor, *rest: Any) -> Any:
        made.append(len(z))
        return blocks(self, z, *rest)

    monkeypatch.setattr(NarrowLogits, "blocks", counted)
    monkeypatch.setattr(NarrowLogits, "saves", lambda *_: saves)
    found = values_of(model, sets, "delta", metrics)
    assert bool(made) == saves
    monkeypatch.setattr(readout, "CPU_LOGITS", 1)
    monkeypatch.setattr(readout, "CPU_ROWS", 1)
    single = values_of(model, sets, "delta", metrics)
    monkeypatch.setattr(NarrowLogits, "fits", lambda *_: False)
    made.clear()
    wide = values_of(model, sets, "delta", metrics)
    assert not made
    for direction in Direction:
        assert found[direction] == pytest.approx(wide[direction], abs=1e-9, rel=1e-9)
        assert single[direction] == pytest.approx(wide[direction], abs=1e-9, rel=1e-9)


def test_the_fewer_multiplications_are_taken() -> None:
    """d_model 16, D 8: a row takes 8 for a logit in place of 16, the matrix of a head 128 once."""
    model = specimen("attention only").model
    functions = node_functions(model, 5)
    narrow, part = Narrow.of(functions), functions.logits
    assert narrow is not None
    logits = NarrowLogits(narrow, part, torch.zeros(1, 16).to(part.w_u), 10**6)
    assert not logits.saves(16, np.array([1]))
    assert logits.saves(17, np.array([1, 1]))
    assert not logits.saves(32, np.array([0, 1]))


def test_a_layer_norm_of_single_precision_is_believed() -> None:
    """With weights and biases of the size that training gives."""
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        norm = torch.nn.LayerNorm(256)
        norm.weight.data = 2 * torch.rand(256, generator=generator)
        norm.bias.data = torch.randn(256, generator=generator) / 4
        assert norm_form(norm, 256, norm.weight) is not None


def test_a_narrow_block_that_many_read_is_made_wide_once(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    w_o = [torch.randn(2, 3, 8, generator=generator) for _ in range(2)]
    z = torch.randn(8, 2, 2, 3, generator=generator)
    writers = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    kept = Deltas(12, torch.device("cpu"), Writers(w_o))
    here = Selection(np.array([False, True, True]), torch.device("cpu"))
    kept.put(np.arange(2, 10), z, here, writers)
    expected = torch.stack(
        [row @ w_o[own // 2][own % 2] for row, own in zip(z, writers, strict=True)]
    )
    plain = torch.zeros(2, 3, 8), torch.zeros(2, 3, 8)
    made: list[int] = []
    widened = Deltas._widened

    def counted(self: Deltas, values: torch.Tensor, owners: np.ndarray) -> torch.Tensor:
        made.append(len(values))
        return widened(self, values, owners)

    monkeypatch.setattr(Deltas, "_widened", counted)
    last = Selection(np.array([False, False, True]), torch.device("cpu"))
    for ids, positions in (
        (np.array([5]), here),
        (np.arange(3, 7), here),
        (np.arange(2, 10), here),
    ):
        found = kept.take(ids, positions, plain)
        assert found is not None
        torch.testing.assert_close(found, expected[ids - 2])
    assert made == [1, 8]
    found = kept.take(np.array([9, 2, 4]), last, plain)
    assert found is not None
    torch.testing.assert_close(found, expected[[7, 0, 2]][:, :, 1:])


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_root_mean_squares_in_single_precision(architecture: str) -> None:
    """Their norms compute in float32 whatever the format, and so have a form in that one only."""
    config = RandomModelConfig(
        architecture=architecture,
        config={**NEW, "num_key_value_heads": 2},
        dtype=Dtype.float32,
    )
    model = load_model(source_of(config, 0), "cpu")
    sets = single_paths(model, 60)
    found = values_of(model, sets, "delta", ("logit_diff",))
    expected = values_of(model, sets, "hooks", ("logit_diff",))
    for direction in Direction:
        scale = float(np.abs(expected[direction]).max())
        assert found[direction] == pytest.approx(expected[direction], abs=1e-5 * scale)

"""Identities that must hold exactly, numbers worked out by hand, and a peer's numbers."""

from __future__ import annotations

import dataclasses
import random
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from transformer_lens.patching import get_act_patch_direct_path

from execute.executors import BRUTE_FORCE, run
from execute.executors import NAMES as EXECUTORS
from execute.models import Specimen, specimen
from execute.path_sets import random_pairs, random_path_set
from pathpatch_runner.config import Direction, Dtype
from pathpatch_runner.dataset import Pair, PairSet, Point
from pathpatch_runner.expression.ast import PathSet, Route, StepPattern, Steps
from pathpatch_runner.graph import Graph
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.source import source_of
from plan.small import path_set
from reference import architectures

NOISING, DENOISING = Direction.noising, Direction.denoising


def small_or(executor: str, lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Prompt lengths; brute force takes two tokens."""
    return (2,) * len(lengths) if executor == BRUTE_FORCE else lengths


def swapped(pairs: PairSet) -> PairSet:
    """Clean and corrupt exchanged."""
    return PairSet(
        "swapped",
        tuple(Pair(p.pair_id, p.corrupt, p.clean, p.points, p.positions) for p in pairs.pairs),
    )


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", ["attention only", "gpt2", "gpt_neox", "gemma2"])
def test_nothing_and_everything(executor: str, name: str) -> None:
    one = specimen(name)
    pairs = random_pairs(random.Random(0), 11, small_or(executor, (5, 4)), everywhere=True)
    sets: list[PathSet] = [(), path_set(one.model.shape, "input => logits")]
    found = run(executor, one, pairs, sets, [NOISING, DENOISING])
    nothing, everything = found.patched[NOISING]
    assert nothing == pytest.approx(found.clean, abs=1e-9)
    assert everything == pytest.approx(found.corrupt, abs=1e-9)
    nothing, everything = found.patched[DENOISING]
    assert nothing == pytest.approx(found.corrupt, abs=1e-9)
    assert everything == pytest.approx(found.clean, abs=1e-9)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("seed", range(3))
def test_denoising_is_noising_the_other_way_round(executor: str, seed: int) -> None:
    one = specimen("gpt2")
    graph = Graph(one.model.shape)
    rng = random.Random(seed)
    sets = [random_path_set(rng, graph, positions=True, back=True) for _ in range(3)]
    pairs = random_pairs(rng, 11, small_or(executor, (4, 4)), everywhere=True)
    denoised = run(executor, one, pairs, sets, [DENOISING]).patched[DENOISING]
    noised = run(executor, one, swapped(pairs), sets, [NOISING]).patched[NOISING]
    assert denoised == pytest.approx(noised, abs=1e-9)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_denoising_is_noising_of_all_other_paths(executor: str) -> None:
    """S = paths through a0.h0 directly into a1.h1's query; not-S, written out by hand."""
    one = specimen("attention only")
    pairs = random_pairs(random.Random(5), 11, small_or(executor, (5,)), everywhere=True)
    inside = path_set(one.model.shape, "input -> a0.h0 -> a1.h1<q> -> logits")
    outside = path_set(
        one.model.shape,
        "input -> logits",
        "a0.h* -> logits",
        "a1.h0 -> logits",
        "a1.h1<k,v> -> logits",
        "input -> a1.h1<q> -> logits",
        "a0.h1 -> a1.h1<q> -> logits",
    )
    denoised = run(executor, one, pairs, [inside], [DENOISING]).patched[DENOISING]
    noised = run(executor, one, pairs, [outside], [NOISING]).patched[NOISING]
    assert denoised == pytest.approx(noised, abs=1e-9)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_set_that_is_not_edge_closed(executor: str) -> None:
    """Of the paths x -> y -> logits and x' -> y' -> logits only two of the four combinations are
    in the set. Patching their edges in one shared network would patch all four."""
    one = specimen("gpt2")
    shape = one.model.shape
    pairs = random_pairs(random.Random(2), 11, small_or(executor, (5,)), everywhere=False)
    two = ["input -> a0.h0<v> -> a1.h0<v> -> logits", "input -> a0.h1<v> -> a1.h1<v> -> logits"]
    four = "input -> a0.h*<v> -> a1.h*<v> -> logits"
    found = run(
        executor,
        one,
        pairs,
        [path_set(shape, *two), path_set(shape, four)],
        [NOISING],
    )
    tree, shared = found.patched[NOISING][:, 0, 0]
    assert abs(tree - found.clean[0, 0]) > 1e-3
    assert abs(tree - shared) > 1e-3


def one_answer(pair: Pair) -> Pair:
    """The pair with the first of its answers and of its distractors only."""
    (point,) = pair.points
    return dataclasses.replace(
        pair, points=(Point(point.position, point.answers[:1], point.distractors[:1]),)
    )


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("slot", ["q", "k", "v"])
def test_agreement_with_transformer_lens(executor: str, slot: str) -> None:
    """`get_act_patch_direct_path` patches the same edge, one forward pass each."""
    one = specimen("gpt2")
    model = one.model
    pairs = random_pairs(random.Random(7), 11, small_or(executor, (6, 6)), everywhere=False)
    pairs = PairSet("one answer", tuple(one_answer(pair) for pair in pairs.pairs))
    sets = [path_set(model.shape, f"a0.h1 -> a1.h{head}<{slot}> => logits") for head in range(2)]
    # Their corrupted run is our base, their clean run what is patched in.
    found = run(executor, one, pairs, sets, [DENOISING]).patched[DENOISING][:, 0].mean(1)
    clean, corrupt = (
        torch.tensor([getattr(pair, which) for pair in pairs.pairs])
        for which in ("clean", "corrupt")
    )
    answers = torch.tensor([[*p.points[0].answers, *p.points[0].distractors] for p in pairs.pairs])

    def metric(logits: torch.Tensor) -> torch.Tensor:
        picked = logits[:, -1].gather(1, answers)
        return (picked[:, 0] - picked[:, 1]).mean()

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        caches = [model.bridge.run_with_cache(ids)[1] for ids in (clean, corrupt)]
        theirs = get_act_patch_direct_path(
            model.bridge, corrupt, *caches, metric, 0, 1, slot, verbose=False
        )
    assert found == pytest.approx(theirs[1].numpy(), abs=1e-6)
    assert abs(theirs[1].numpy() - float(metric(model.forward(corrupt, [])))).max() > 1e-4


def linear_model() -> Specimen:
    """AutoCircuit's micro model: x -> x + sum_h W_h * x, two layers, W = [[1, 2], [3, 4]].

    As a native model: no norm, one token, so that a head's output is its value; its output matrix
    multiplies elementwise. The two logits are the two entries of x.
    """
    fields: dict[str, Any] = {
        "n_layers": 2,
        "n_heads": 2,
        "d_model": 2,
        "d_head": 2,
        "n_ctx": 2,
        "d_vocab": 2,
        "attn_only": True,
        "normalization_type": None,
        "positional_embedding_type": "standard",
        "act_fn": "relu",
    }
    model = load_model(source_of(NativeModelConfig(config=fields, dtype=Dtype.float64), 0), "cpu")
    native = model.bridge.original_model
    factors = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).double()
    with torch.no_grad():
        for parameter in native.parameters():
            parameter.zero_()
        # Token 0 is (1, 1), token 1 its negative.
        native.tok_embed.weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
        native.head.weight.copy_(torch.eye(2))
        for layer in native.layers:
            layer.attn.v.weight.copy_(torch.eye(2).repeat(2, 1))
            for head in range(2):
                layer.attn.o.weight[:, 2 * head : 2 * head + 2] = factors[head].diag()
    return Specimen(model, architectures.native(native))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_micro_model_by_hand(executor: str) -> None:
    """Denoising, cumulatively: [-25,-49], [-19,-41], [-13,-25], [-9,-13]."""
    one = linear_model()
    steps = [
        [],
        ["input -> a0.h1<v> -> logits"],
        ["input -> a0.h0<v> -> a1.h1<v> -> logits"],
        ["input -> a0.h0<v> -> logits", "input -> a0.h0<v> -> a1.h0<v> -> logits"],
    ]
    sets = [
        path_set(one.model.shape, *[text for step in steps[: count + 1] for text in step])
        for count in range(len(steps))
    ]
    both = []
    for entry in range(2):
        pair = Pair("0", (0,), (1,), (Point(0, (entry,), (1 - entry,)),), {"end": 0})
        found = run(executor, one, PairSet("micro", (pair,)), sets, [DENOISING])
        both.append(found.patched[DENOISING][:, 0, 0])
    # logit_diff of the two entries: by hand, [24, 22, 12, 4].
    expected = np.array([-25 + 49, -19 + 41, -13 + 25, -9 + 13])
    assert both[0] == pytest.approx(expected, abs=1e-12)
    assert both[1] == pytest.approx(-expected, abs=1e-12)


def test_what_a_slotless_route_means() -> None:
    """A sender carries everything it computed; a pattern without a slot any slot."""
    shape = specimen("attention only").model.shape
    (route,) = path_set(shape, "a0.h1 -> logits")
    assert route == Route(
        (
            Steps((StepPattern(frozenset([2])),)),
            Steps((StepPattern(frozenset([5])),)),
        ),
        (None,),
    )

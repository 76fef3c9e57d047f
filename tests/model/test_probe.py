"""The probe against real models, and against models whose hooks are broken on purpose."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from model.small_models import NATIVE, RANDOM, loaded
from pathpatch_runner.config import Dtype
from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.probe import probe
from pathpatch_runner.model.source import source_of
from pathpatch_runner.model.trials import Forward, Hook
from pathpatch_runner.model.wiring import Probed, Wiring

CPU = torch.device("cpu")
END = (
    ". TransformerLens' bridge of this architecture does not offer what path patching needs; use "
    "another model"
)


@pytest.mark.parametrize(
    ("name", "live"),
    [
        *((name, name != "gptj") for name in RANDOM),
        *((name, False) for name in NATIVE),
    ],
)
def test_which_models_have_live_scores(name: str, live: bool) -> None:
    assert [layer.scores is not None for layer in loaded(name).hook_points.layers] == [live, live]


def test_the_hook_points_by_name() -> None:
    points = loaded("gpt2").hook_points
    assert points.embed == "hook_embed"
    assert points.resid_final == points.stream_after(1) == "blocks.1.hook_resid_post"
    assert points.stream_after(0) == "blocks.1.hook_resid_pre"
    assert dataclasses.asdict(points.layers[1]) == {
        "q": "blocks.1.attn.hook_q",
        "k": "blocks.1.attn.hook_k",
        "v": "blocks.1.attn.hook_v",
        "z": "blocks.1.attn.hook_z",
        "pattern": "blocks.1.attn.hook_pattern",
        "scores": "blocks.1.attn.hook_attn_scores",
        "mlp_out": "blocks.1.hook_mlp_out",
        "resid_pre": "blocks.1.hook_resid_pre",
    }
    assert loaded("attention only").hook_points.layers[0].mlp_out is None


def breaking(name: str, point: str, how: str) -> Forward:
    """A forward pass with one hook broken."""

    def broken(function: Hook) -> Hook:
        def fired(values: torch.Tensor, hook: Any) -> torch.Tensor:
            if how == "dead":
                function(values, hook)
                return values
            if how == "twice":
                return function(function(values, hook), hook)
            function(values.flatten(2), hook)
            return values

        return fired

    def forward(ids: torch.Tensor, hooks: list[tuple[str, Hook]]) -> torch.Tensor:
        kept = [] if how == "never" else [(point, broken(h)) for s, h in hooks if s == point]
        return loaded(name).forward(ids, kept + [(s, h) for s, h in hooks if s != point])

    return forward


@pytest.mark.parametrize(
    ("point", "how", "problem"),
    [
        ("hook_embed", "dead", "an edit at hook_embed does not reach blocks.0.hook_resid_pre"),
        (
            "blocks.0.attn.hook_q",
            "dead",
            "an edit at blocks.0.attn.hook_q does not reach blocks.0.attn.hook_pattern",
        ),
        (
            "blocks.1.attn.hook_k",
            "dead",
            "an edit at blocks.1.attn.hook_k does not reach blocks.1.attn.hook_pattern",
        ),
        (
            "blocks.1.attn.hook_v",
            "dead",
            "an edit at blocks.1.attn.hook_v does not reach blocks.1.attn.hook_z",
        ),
        (
            "blocks.0.attn.hook_z",
            "dead",
            "an edit at blocks.0.attn.hook_z does not reach blocks.1.hook_resid_pre",
        ),
        (
            "blocks.1.hook_mlp_out",
            "dead",
            "an edit at blocks.1.hook_mlp_out does not reach blocks.1.hook_resid_post",
        ),
        (
            "blocks.0.attn.hook_q",
            "twice",
            "blocks.0.attn.hook_q fires 2 times in a pass, not once",
        ),
        (
            "blocks.1.attn.hook_v",
            "never",
            "blocks.1.attn.hook_v fires 0 times in a pass, not once",
        ),
        (
            "blocks.0.attn.hook_z",
            "flat",
            "blocks.0.attn.hook_z is [2, 4, 16] instead of [2, 4, 2, 8]",
        ),
    ],
)
def test_a_broken_hook_is_named(point: str, how: str, problem: str) -> None:
    with pytest.raises(ModelError) as caught:
        probe(breaking("gpt2", point, how), loaded("gpt2").shape, "gpt2", CPU)
    assert str(caught.value) == f'model "gpt2": {problem}{END}'


@pytest.mark.parametrize("point", ["attn.hook_attn_scores", "attn.hook_pattern"])
def test_scores_that_are_dead_in_one_layer_are_not_offered(point: str) -> None:
    forward = breaking("gpt2", f"blocks.1.{point}", "dead")
    assert not probe(forward, loaded("gpt2").shape, "gpt2", CPU).scores


@pytest.mark.parametrize(
    ("name", "wrong", "problem"),
    [
        (
            "gpt2",
            {"parallel": True},
            "the MLP of layer 0 reads its attention, unlike a parallel one",
        ),
        (
            "gpt_neox",
            {"parallel": False},
            "the MLP of layer 0 does not read its attention, unlike a sequential one",
        ),
        (
            "gemma2",
            {"separable_heads": True},
            "heads of layer 0 do not add up in the stream (a norm follows them), so they cannot "
            "be told apart",
        ),
        (
            "falcon",
            {"n_key_value_heads": None},
            "blocks.0.attn.hook_k is [2, 4, 1, 8] instead of [2, 4, 2, 8]",
        ),
    ],
)
def test_a_wrong_shape_is_found_out(name: str, wrong: dict[str, Any], problem: str) -> None:
    shape: ModelShape = dataclasses.replace(loaded(name).shape, **wrong)
    with pytest.raises(ModelError) as caught:
        probe(loaded(name).forward, shape, name, CPU).check(shape, name, by_hand=False)
    assert str(caught.value).startswith(f'model "{name}": {problem}. ')


def test_weights_of_zero_are_not_a_dead_hook(tmp_path: Any) -> None:
    """Models made by hand have queries, keys, MLPs and whole layers of nothing."""
    state = loaded("with MLPs").bridge.state_dict()
    from pathpatch_runner.model.weights import expected_tensors

    sizes = expected_tensors(state, loaded("with MLPs").shape)
    save_file({name: torch.zeros(size) for name, size in sizes.items()}, tmp_path / "w.safetensors")
    config = NativeModelConfig(
        config=NATIVE["with MLPs"], weights=str(tmp_path / "w.safetensors"), dtype=Dtype.float32
    )
    model = load_model(source_of(config, 0), "cpu")
    assert model.forward(torch.tensor([[1, 2, 3]]), []).abs().max() == 0


def test_a_context_of_one_token() -> None:
    config = NativeModelConfig(config={**NATIVE["attention only"], "n_ctx": 1})
    assert load_model(source_of(config, 0), "cpu").forward(torch.tensor([[4]]), []).shape == (
        1,
        1,
        11,
    )


@pytest.mark.parametrize("n_layers", [1, 2, 7])
def test_four_passes_for_any_number_of_layers(n_layers: int) -> None:
    source = source_of(NativeModelConfig(config={**NATIVE["with MLPs"], "n_layers": n_layers}), 0)
    model = load_model(source, "cpu")
    assert dict(model.passes) == {"probe": 4}
    kept = json.loads(json.dumps(model.probed.to_dict()))
    again = load_model(source, "cpu", probed=Probed.of_dict(kept))
    assert again.probed == model.probed
    assert again.hook_points == model.hook_points
    assert dict(again.passes) == {}


def test_what_is_seen_of_the_wiring() -> None:
    seen = {name: loaded(name).probed for name in ("gpt2", "gpt_neox", "gemma2", "attention only")}
    assert seen["gpt2"] == Probed(True, (0, 1), (True, True), (True, True))
    assert seen["gpt_neox"].mlp_reads_attention == (False, False)
    assert seen["gpt_neox"].wiring("x") == Wiring(parallel=True)
    assert seen["gemma2"].wiring("x") == Wiring(separable_heads=False)
    assert seen["attention only"].mlp_reads_attention == (None, None)


def test_a_model_that_cannot_be_run_at_all_is_not_blamed_on_its_hooks() -> None:
    def forward(ids: torch.Tensor, hooks: list[tuple[str, Hook]]) -> torch.Tensor:
        del ids, hooks
        raise RuntimeError("no Double here\nand more")

    with pytest.raises(ModelError) as caught:
        probe(forward, loaded("gpt2").shape, "moe", CPU, torch.float64)
    assert str(caught.value) == (
        'model "moe": a forward pass fails, hooks or not: no Double here. Some architectures '
        "cannot be run in every number format: try model.dtype=float32"
    )


def test_layers_that_are_wired_differently() -> None:
    probed = Probed(True, (0, 1, 5), (True, True, True), (True, False, True))
    with pytest.raises(ModelError, match="of some layers read their layer's attention and those"):
        probed.wiring("x")


def test_passes_are_counted_by_purpose() -> None:
    model = load_model(source_of(NativeModelConfig(config=NATIVE["attention only"]), 0), "cpu")
    ids = torch.tensor([[1, 2]])
    with model.counting("guards"):
        model.forward(ids, [])
        with model.counting("proof"):
            model.forward(ids, [])
        model.forward(ids, [])
    model.forward(ids, [])
    assert dict(model.passes) == {"probe": 4, "guards": 3, "other": 1}

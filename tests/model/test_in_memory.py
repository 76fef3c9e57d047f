"""A bridge that belongs to somebody else is found as it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from model.small_models import MLP_FIELDS, NATIVE, SHAPES, config_of, plain_twin
from pathpatch_runner.config import Dtype, WeightProcessing
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.in_memory import InMemoryModel, InMemoryModelConfig
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.source import source_of

IDS = torch.tensor([[0, 1, 0, 7, 0, 10]])
EMBED = "hook_embed"


def own_bridge(name: str = "with MLPs") -> Any:
    """As a notebook would have it: with gradients, in whatever mode."""
    bridge = source_of(config_of(name), 3).bridge(torch.float64)
    bridge.eval()
    return bridge


def test_what_is_known_of_a_bridge() -> None:
    bridge = own_bridge("gpt2")
    source = InMemoryModel.of(bridge, "mine")
    with source.in_use():
        model = load_model(source, "cpu")
    assert model.bridge is bridge
    assert (model.name, model.shape, model.tokenizer) == ("mine", SHAPES["gpt2"], None)
    assert (model.dtype, source.config.dtype) == (torch.float64, Dtype.float64)
    assert source.config.weight_processing is WeightProcessing.none
    with torch.no_grad():
        torch.testing.assert_close(
            model.forward(IDS, []), plain_twin("gpt2")(IDS).logits, rtol=0, atol=1e-12
        )


def test_the_digest_is_of_the_weights() -> None:
    bridge = own_bridge()
    first = InMemoryModel.of(bridge).digest
    assert len(first) == 16
    assert InMemoryModel.of(own_bridge(), "another name").digest == first
    with torch.no_grad():
        next(bridge.parameters())[0, 0] += 1e-9
    assert InMemoryModel.of(bridge).digest != first


def test_hooks_of_the_user_survive_and_act() -> None:
    bridge = own_bridge()
    fired: list[str] = []

    def noting(what: str) -> Any:
        def hook(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            fired.append(what)
            return values * 2

        return hook

    plain = bridge(IDS, prepend_bos=False)
    bridge.add_hook(EMBED, noting("temporary"))
    bridge.add_perma_hook("blocks.0.hook_mlp_out", noting("permanent"))
    hooked = bridge(IDS, prepend_bos=False)
    assert not torch.equal(plain, hooked)
    source = InMemoryModel.of(bridge)
    with source.in_use():
        model = load_model(source, "cpu")
        seen: list[torch.Tensor] = []

        def noted(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            seen.append(values)
            return values

        torch.testing.assert_close(
            model.forward(IDS, [(EMBED, noted)]),
            hooked,
        )

        def fail(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del values, hook
            raise RuntimeError("in a hook of ours")

        with pytest.raises(RuntimeError, match="in a hook of ours"):
            model.forward(IDS, [(EMBED, fail)])
    seen.clear()
    fired.clear()
    torch.testing.assert_close(bridge(IDS, prepend_bos=False), hooked)
    assert sorted(fired) == ["permanent", "temporary"]
    assert seen == [], "a hook of ours stayed"


def test_modes_and_gradients_are_given_back() -> None:
    bridge = own_bridge()
    bridge.train()
    bridge.blocks[1].eval()
    first = next(bridge.parameters())
    first.requires_grad_(False)
    before = [module.training for module in bridge.modules()]
    wanted = [weight.requires_grad for weight in bridge.parameters()]
    assert True in before
    assert False in before
    assert True in wanted
    source = InMemoryModel.of(bridge)

    def fail_in_the_middle() -> None:
        with source.in_use():
            model = load_model(source, "cpu")
            assert not any(module.training for module in bridge.modules())
            assert not any(weight.requires_grad for weight in model.bridge.parameters())
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail_in_the_middle()
    assert [module.training for module in bridge.modules()] == before
    assert [weight.requires_grad for weight in bridge.parameters()] == wanted


def test_processed_weights_are_said_to_be() -> None:
    bridge = own_bridge("attention only")
    bridge.enable_compatibility_mode()
    source = InMemoryModel.of(bridge)
    assert source.config.weight_processing is WeightProcessing.compatibility
    before = copy.deepcopy(bridge.original_model.state_dict())
    with source.in_use():
        load_model(source, "cpu")
    for name, tensor in bridge.original_model.state_dict().items():
        assert torch.equal(tensor, before[name]), "processed twice"


def test_what_is_no_bridge() -> None:
    with pytest.raises(ModelError) as caught:
        InMemoryModel.of(plain_twin("gpt2"))
    assert str(caught.value) == (
        "the model is a GPT2LMHeadModel, not a TransformerBridge. Make one: "
        "TransformerBridge.boot_transformers(name, hf_model=..., tokenizer=...)"
    )


def test_a_config_cannot_name_one() -> None:
    with pytest.raises(ModelError, match=r"^model\.kind: in_memory is for Python, where the model"):
        source_of(InMemoryModelConfig(), 0)


def test_the_tokenizer_is_the_bridge_s_own() -> None:
    class Words:
        def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
            return [9] * add_special_tokens + [len(word) for word in text.split()]

    bridge = own_bridge()
    bridge.tokenizer = Words()
    tokenizer = InMemoryModel.of(bridge).tokenizer
    assert tokenizer is not None
    assert tokenizer.encode("a bb") == [9, 1, 2]
    assert tokenizer.added.before == (9,)


def test_its_shape_is_that_of_its_config() -> None:
    assert NATIVE["with MLPs"] == MLP_FIELDS
    assert InMemoryModel.of(own_bridge()).shape == source_of(config_of("with MLPs"), 0).shape

"""Small random models of many architectures: each is loaded, wired as it is, and passes the guards;
or one message says why not."""

from __future__ import annotations

from typing import Any

import pytest

from execute.test_guards import guard_task, guards_of
from pathpatch_runner.config import Dtype
from pathpatch_runner.errors import ModelError
from pathpatch_runner.execute.delta.proof import prove
from pathpatch_runner.graph import Graph
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.model.source import source_of
from pathpatch_runner.model.wiring import Wiring

SIZES: dict[str, Any] = {
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 16,
    "vocab_size": 11,
    "max_position_embeddings": 16,
    "intermediate_size": 32,
}
GROUPED = {**SIZES, "num_key_value_heads": 2}
PADDED = {**GROUPED, "pad_token_id": 0}
WIDE = {**PADDED, "head_dim": 4}
EXPERTS = {**GROUPED, "num_local_experts": 2, "num_experts_per_tok": 1}
OPT = {
    **{name: SIZES[name] for name in SIZES if name != "intermediate_size"},
    "ffn_dim": 32,
    "word_embed_proj_dim": 16,
}
GPT_NEO = {
    "num_layers": 2,
    "num_heads": 4,
    "hidden_size": 16,
    "vocab_size": 11,
    "max_position_embeddings": 16,
    "attention_types": [[["global", "local"], 1]],
    "window_size": 4,
}
XGLM = {
    "num_layers": 2,
    "attention_heads": 4,
    "d_model": 16,
    "ffn_dim": 32,
    "vocab_size": 11,
    "max_position_embeddings": 16,
}
BLOOM = {"n_layer": 2, "n_head": 4, "hidden_size": 16, "vocab_size": 11}
MPT = {"n_layers": 2, "n_heads": 4, "d_model": 16, "vocab_size": 11, "max_seq_len": 16}
FALCON = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 16, "vocab_size": 11}
USUAL, BESIDE, NORMED = Wiring(), Wiring(parallel=True), Wiring(separable_heads=False)
CASES: dict[str, tuple[dict[str, Any], Wiring]] = {
    "opt": (OPT, USUAL),
    "gpt_neo": (GPT_NEO, USUAL),
    "xglm": (XGLM, USUAL),
    "bloom": (BLOOM, USUAL),
    "mpt": (MPT, USUAL),
    "mixtral": (EXPERTS, USUAL),
    "granite": (GROUPED, USUAL),
    "starcoder2": (GROUPED, USUAL),
    "stablelm": (GROUPED, USUAL),
    "stablelm parallel": ({**GROUPED, "use_parallel_residual": True}, BESIDE),
    "qwen3": ({**GROUPED, "head_dim": 4}, USUAL),
    "phi3": (PADDED, USUAL),
    "cohere": (PADDED, BESIDE),
    "cohere2": (PADDED, BESIDE),
    "falcon": (FALCON, BESIDE),
    "glm4": (WIDE, NORMED),
    "exaone4": (PADDED, NORMED),
    "gemma3_text": (WIDE, NORMED),
    "olmo2": (PADDED, NORMED),
}
UNLISTED: dict[str, tuple[dict[str, Any], Wiring]] = {
    "nemotron": (GROUPED, USUAL),
    "arcee": (GROUPED, USUAL),
    "olmoe": ({**PADDED, "num_experts": 2, "num_experts_per_tok": 1}, USUAL),
}
"""Model types of which nothing is listed: the probe alone tells."""


def config_of(name: str, fields: dict[str, Any]) -> RandomModelConfig:
    # Some of these do not run in float64.
    return RandomModelConfig(architecture=name.split()[0], config=fields, dtype=Dtype.float32)


@pytest.mark.parametrize("name", CASES)
def test_a_listed_architecture(name: str) -> None:
    fields, wiring = CASES[name]
    source = source_of(config_of(name, fields), 0)
    shape = source.shape
    assert shape is not None, "told before loading"
    assert Wiring(shape.parallel, shape.separable_heads) == wiring
    model = load_model(source, "cpu")
    assert model.shape == shape
    assert model.probed.wiring(name) == wiring, "the list says otherwise than the model"
    names = Graph(shape).index
    assert ("a0" in names) == (wiring == NORMED)
    guards_of(guard_task(model))


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_architecture(name: str) -> None:
    fields, wiring = UNLISTED[name]
    source = source_of(config_of(name, fields), 0)
    assert source.shape is None
    shape = load_model(source, "cpu").shape
    assert Wiring(shape.parallel, shape.separable_heads) == wiring


def test_a_model_that_takes_prompts_of_any_length() -> None:
    shape = source_of(config_of("bloom", BLOOM), 0).shape
    assert shape is not None
    assert shape.n_ctx > 10**9
    assert (shape.n_layers, shape.n_heads, shape.d_head, shape.d_mlp) == (2, 4, 4, 64)


def test_a_number_format_that_an_architecture_cannot_be_run_in() -> None:
    config = RandomModelConfig(architecture="mixtral", config=EXPERTS, dtype=Dtype.float64)
    with pytest.raises(ModelError) as caught:
        load_model(source_of(config, 0), "cpu")
    message = str(caught.value)
    assert message.startswith('model "random-mixtral": a forward pass fails, hooks or not: ')
    assert message.endswith("cannot be run in every number format: try model.dtype=float32")


def test_an_architecture_without_a_bridge() -> None:
    with pytest.raises(ModelError, match='TransformerLens has no bridge for architecture "Helium'):
        load_model(source_of(config_of("helium", WIDE), 0), "cpu")


def test_an_architecture_that_its_bridge_cannot_run() -> None:
    sizes = {"n_layer": 2, "n_head": 4, "n_embd": 16, "vocab_size": 11, "n_positions": 16}
    config = config_of("codegen", {**sizes, "n_ctx": 16, "rotary_dim": 4})
    with pytest.raises(ModelError) as caught:
        load_model(source_of(config, 0), "cpu")
    message = str(caught.value)
    assert message.startswith('model "random-codegen": a forward pass fails, hooks or not: ')
    assert message.endswith("cannot run it with the transformers installed here")


NEIGHBOURS: dict[str, dict[str, Any]] = {
    "glm4": {**WIDE, "hidden_size": 64, "head_dim": 16},
    "cohere": {**PADDED, "hidden_size": 64},
}


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_rotary_positions_that_turn_neighbours(name: str) -> None:
    """Heads wide enough for the way they turn to show."""
    task = guard_task(load_model(source_of(config_of(name, NEIGHBOURS[name]), 0), "cpu"))
    assert prove(task).failure is None
    assert guards_of(task)["node outputs sum to the stream"].value < 1e-5

"""Hugging Face architectures: a config, and the graph shape it says. No weights are read.

Sizes have many names (`n_layer`, `num_hidden_layers`, ...), all of which are read. How blocks are
wired no config says: for the model types listed here it is known, and for every other one the
shape is unknown until the model is loaded and probed (`wiring.Probed`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pathpatch_runner.errors import ModelError, did_you_mean
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.files import explained
from pathpatch_runner.model.wiring import Wiring

PARALLEL = ("gptj", "gpt_neox", "falcon", "phi", "codegen", "cohere", "cohere2", "stablelm")
"""Model types whose blocks are parallel, unless their config says otherwise."""
FLAGS = ("use_parallel_residual", "parallel_attn")
"""Fields that say whether blocks are parallel."""
POST_NORM = ("gemma2", "gemma3", "gemma3_text", "olmo2", "olmo3", "glm4", "exaone4")
"""Model types with a norm between the heads of a layer and the stream."""
SEQUENTIAL = (
    *("gpt2", "gpt_neo", "gpt_bigcode", "opt", "xglm", "bloom", "mpt", "starcoder2", "granite"),
    *("llama", "mistral", "mixtral", "qwen2", "qwen3", "gemma", "phi3", "olmo", "smollm3"),
)
"""Model types of the usual kind."""
UNGATED = (
    *("gpt2", "gpt_neox", "gptj", "gpt_neo", "opt", "xglm", "bloom", "mpt", "falcon", "phi"),
    *("codegen", "starcoder2", "gpt_bigcode"),
)
"""Model types whose MLPs have no gate."""
UNBOUNDED = ("bloom",)
"""Model types that take prompts of any length (ALiBi), and say no number."""
NO_LIMIT = 2**31 - 1
NAMES = {
    "n_layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "n_heads": ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"),
    "d_model": ("hidden_size", "n_embd", "d_model"),
    "d_vocab": ("vocab_size",),
    "n_ctx": ("max_position_embeddings", "n_positions", "n_ctx", "seq_length", "max_seq_len"),
    "d_mlp": ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"),
}
"""Our name of a size -> the names it has in configs."""


def shape_of_hugging_face(config: Any) -> ModelShape | None:
    """The shape that a Hugging Face config says; None where its wiring is not known.

    Raises ModelError if it does not say the sizes of a decoder.
    """
    wiring = known_wiring(config)
    # Sizes that are missing are told before the weights are loaded, in any case.
    shape = sized(config, wiring or Wiring())
    return None if wiring is None else shape


def known_wiring(config: Any) -> Wiring | None:
    """How the blocks of an architecture are wired, where that is known."""
    text = _text(config)
    model_type = str(getattr(text, "model_type", "?"))
    flags = [bool(getattr(text, flag)) for flag in FLAGS if hasattr(text, flag)]
    if model_type not in (*PARALLEL, *POST_NORM, *SEQUENTIAL) and not flags:
        return None
    parallel = flags[0] if flags else model_type in PARALLEL
    return Wiring(parallel=parallel, separable_heads=model_type not in POST_NORM)


def sized(config: Any, wiring: Wiring) -> ModelShape:
    """The sizes of a Hugging Face config, with a wiring."""
    text = _text(config)
    model_type = str(getattr(text, "model_type", "?"))
    n_heads, d_model = _size(text, "n_heads"), _size(text, "d_model")
    d_mlp = _first(text, NAMES["d_mlp"]) or getattr(text, "expansion_ratio", 4) * d_model
    n_kv = _key_value_heads(text, model_type)
    return ModelShape(
        n_layers=_size(text, "n_layers"),
        n_heads=n_heads,
        d_model=d_model,
        d_head=int(getattr(text, "head_dim", None) or d_model // n_heads),
        d_vocab=_size(text, "d_vocab"),
        n_ctx=NO_LIMIT if model_type in UNBOUNDED else _size(text, "n_ctx"),
        d_mlp=int(d_mlp),
        n_key_value_heads=None if n_kv in (None, n_heads) else int(n_kv),
        parallel=wiring.parallel,
        separable_heads=wiring.separable_heads,
        gated_mlp=model_type not in UNGATED and hasattr(text, "intermediate_size"),
    )


def _text(config: Any) -> Any:
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def _size(config: Any, ours: str) -> int:
    found = _first(config, NAMES[ours])
    if isinstance(found, int):
        return found
    model_type = getattr(config, "model_type", "?")
    said = f"as {found!r}" if found is not None else f"(none of {', '.join(NAMES[ours])})"
    raise ModelError(
        f'model: the config of architecture "{model_type}" does not say {ours} as a whole number '
        f"{said}, so it is not read as a decoder of text"
    )


def _first(config: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        if getattr(config, name, None) is not None:
            return getattr(config, name)
    return None


def _key_value_heads(config: Any, model_type: str) -> Any:
    if model_type == "falcon":
        if config.new_decoder_architecture:
            return int(config.num_kv_heads)
        return 1 if config.multi_query else None
    return getattr(config, "num_key_value_heads", None)


def hugging_face_config(model_type: str, fields: Mapping[str, Any], where: str) -> Any:
    """A config object of an architecture, from its fields. `where`: the key that names it."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CONFIG_MAPPING, AutoConfig

    if model_type not in CONFIG_MAPPING:
        raise ModelError(
            f'{where}: unknown architecture "{model_type}".'
            f"{did_you_mean(model_type, CONFIG_MAPPING.keys())} Use a Hugging Face model type "
            "such as gpt2, gpt_neox, llama, qwen2 or gemma2"
        )
    try:
        return AutoConfig.for_model(model_type, **fields)
    except (StrictDataclassError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(f"model.config: {' '.join(str(error).split())}") from error


def cached_config(name: str, revision: str | None) -> Any:
    """The config of a hub model from the cache. Raises ModelError where it is not there."""
    from transformers import AutoConfig

    with explained(name):
        return AutoConfig.from_pretrained(name, revision=revision, local_files_only=True)

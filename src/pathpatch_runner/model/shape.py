"""The graph shape of a model, from its config alone: no weights are read.

`shape_of_fields` reads TransformerBridgeConfig fields (native models), `shape_of_hugging_face`
a Hugging Face config. Where a config is not at hand (a hub name that was never downloaded) the
shape is unknown until the model is loaded, and the checks that need it wait.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pathpatch_runner.config import (
    GgufModelConfig,
    HubModelConfig,
    LocalModelConfig,
    ModelConfig,
    NativeModelConfig,
    RandomModelConfig,
)
from pathpatch_runner.errors import ModelError, NotAtHandError, did_you_mean
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.files import explained, native_fields
from pathpatch_runner.model.legacy import is_legacy, legacy_config, legacy_fields

PARALLEL = ("gptj", "gpt_neox", "falcon", "phi", "codegen", "cohere")
"""Model types whose blocks are parallel, unless their config says otherwise."""
POST_NORM = ("gemma2", "gemma3", "gemma3_text", "olmo2", "olmo3")
"""Model types with a norm between the heads of a layer and the stream."""
CONSUMED = ("rope_theta", "rope_scaling", "partial_rotary_factor", "rotary_pct", "rotary_emb_base")
"""Fields that Hugging Face configs take and keep under other names."""
REQUIRED = ("n_layers", "d_model", "n_ctx", "d_vocab", "d_head")


def model_shape(config: ModelConfig) -> ModelShape | None:
    """The shape of the model a config names; None where only loading it can tell.

    Raises ModelError for a config that names no model, or one that cannot be.
    """
    if isinstance(config, NativeModelConfig):
        return shape_of_fields(native_fields(config))
    if isinstance(config, LocalModelConfig):
        return shape_of_hugging_face(_local_config(config))
    if isinstance(config, RandomModelConfig):
        return shape_of_hugging_face(random_config(config))
    if isinstance(config, HubModelConfig):
        return _cached_shape(config)
    assert isinstance(config, GgufModelConfig)
    return None


def shape_of_fields(fields: Mapping[str, Any]) -> ModelShape:
    """The shape of a native model. Unknown and missing fields are reported together."""
    missing = [name for name in REQUIRED if not isinstance(fields.get(name), int)]
    if missing:
        raise ModelError(
            f"model.config: needs {', '.join(missing)} as whole numbers. A native model is made "
            "from TransformerBridgeConfig fields"
        )
    n_heads = int(fields.get("n_heads") or 0)
    if n_heads <= 0:
        raise ModelError("model.config: needs n_heads as a whole number above 0")
    d_model = int(fields["d_model"])
    attn_only = bool(fields.get("attn_only", False))
    outputs = int(fields.get("d_vocab_out") or 0)
    return ModelShape(
        n_layers=int(fields["n_layers"]),
        n_heads=n_heads,
        d_model=d_model,
        d_head=int(fields["d_head"]),
        d_vocab=int(fields["d_vocab"]),
        n_ctx=int(fields["n_ctx"]),
        d_mlp=0 if attn_only else int(fields.get("d_mlp") or 4 * d_model),
        n_key_value_heads=fields.get("n_key_value_heads"),
        attn_only=attn_only,
        causal=fields.get("attention_dir", "causal") == "causal",
        gated_mlp=bool(fields.get("gated_mlp", False)),
        d_vocab_out=outputs if outputs > 0 and outputs != fields["d_vocab"] else None,
    )


def shape_of_hugging_face(config: Any) -> ModelShape:
    """The shape of a Hugging Face config object. Raises ModelError if it is not a decoder."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    model_type = str(getattr(text, "model_type", "?"))
    try:
        n_ctx = int(_first(text, "max_position_embeddings", "n_positions", "n_ctx", "seq_length"))
        n_heads = int(_first(text, "num_attention_heads", "n_head"))
        d_model = int(_first(text, "hidden_size", "n_embd"))
        n_layers = int(_first(text, "num_hidden_layers", "n_layer"))
    except AttributeError as error:
        raise ModelError(
            f'model: architecture "{model_type}" does not say its sizes: {error}'
        ) from error
    d_mlp = getattr(text, "intermediate_size", None) or getattr(text, "n_inner", None)
    n_kv = _key_value_heads(text, model_type)
    return ModelShape(
        n_layers=n_layers,
        n_heads=n_heads,
        d_model=d_model,
        d_head=int(getattr(text, "head_dim", None) or d_model // n_heads),
        d_vocab=int(text.vocab_size),
        n_ctx=n_ctx,
        d_mlp=int(d_mlp or 4 * d_model),
        n_key_value_heads=None if n_kv in (None, n_heads) else int(n_kv),
        parallel=bool(
            getattr(text, "use_parallel_residual", getattr(text, "parallel_attn", None))
            if hasattr(text, "use_parallel_residual") or hasattr(text, "parallel_attn")
            else model_type in PARALLEL
        ),
        separable_heads=model_type not in POST_NORM,
        gated_mlp=_is_gated(text, model_type),
    )


def shape_of(bridge: Any) -> ModelShape:
    """The shape of a loaded bridge, from the config of the model inside it."""
    inner = bridge.original_model
    if hasattr(inner, "config"):
        return shape_of_hugging_face(inner.config)
    return shape_of_fields(vars(inner.cfg))


def _first(config: Any, *names: str) -> Any:
    for name in names:
        if getattr(config, name, None) is not None:
            return getattr(config, name)
    raise AttributeError(f"none of {', '.join(names)}")


def _key_value_heads(config: Any, model_type: str) -> int | None:
    if model_type == "falcon":
        if config.new_decoder_architecture:
            return int(config.num_kv_heads)
        return 1 if config.multi_query else None
    return getattr(config, "num_key_value_heads", None)


def _is_gated(config: Any, model_type: str) -> bool:
    ungated = ("gpt2", "gpt_neox", "gptj", "gpt_neo", "opt", "bloom", "falcon", "phi", "codegen")
    return model_type not in ungated and getattr(config, "intermediate_size", None) is not None


def _local_config(config: LocalModelConfig) -> Any:
    path = Path(config.path)
    if not path.is_dir():
        raise NotAtHandError(f'model.path: no directory "{path}"')
    file = path / "config.json"
    if not file.is_file():
        raise ModelError(
            f'model.path: "{path}" has no config.json. A local model is a directory as '
            "`save_pretrained` writes it"
        )
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ModelError(f'model.path: "{file}" is not JSON: {error}') from error
    return hugging_face_config(str(fields.pop("model_type", "")), fields, "model.path")


def random_config(config: RandomModelConfig) -> Any:
    """The Hugging Face config of a random model."""
    found = hugging_face_config(config.architecture, dict(config.config), "model.architecture")
    # Hugging Face keeps unknown fields and builds the default model: a typo would go unnoticed.
    allowed = {*type(found)().to_dict(), *found.attribute_map, *CONSUMED}
    unknown = [name for name in config.config if name not in allowed]
    if unknown:
        raise ModelError(
            f'model.config: "{config.architecture}" has no field "{unknown[0]}".'
            f"{did_you_mean(unknown[0], allowed)} Fields are those of its Hugging Face config"
        )
    return found


def hugging_face_config(model_type: str, fields: Mapping[str, Any], where: str) -> Any:
    """A config object of an architecture, from its fields."""
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
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise ModelError(f"model.config: {' '.join(str(error).split())}") from error


def _cached_shape(config: HubModelConfig) -> ModelShape | None:
    from transformers import AutoConfig

    try:
        if is_legacy(config):
            return shape_of_fields(legacy_fields(config, legacy_config(config, local=True)))
        with explained(config.name):
            found = AutoConfig.from_pretrained(
                config.name, revision=config.revision, local_files_only=True
            )
    except ModelError:
        return None
    return shape_of_hugging_face(found)

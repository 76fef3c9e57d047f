"""The graph shape of native models, from their TransformerBridgeConfig fields; `architecture` has
those of Hugging Face models. No torch, no weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape

REQUIRED = ("n_layers", "d_model", "n_ctx", "d_vocab", "d_head")


def shape_of_fields(fields: Mapping[str, Any]) -> ModelShape:
    """The shape of a native model. Missing fields are reported together."""
    missing = [name for name in REQUIRED if not isinstance(fields.get(name), int)]
    if missing:
        raise ModelError(
            f"model.config: needs {', '.join(missing)} as whole numbers. A native model is made "
            "from TransformerBridgeConfig fields"
        )
    n_heads = fields.get("n_heads")
    if not isinstance(n_heads, int) or n_heads <= 0:
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

"""Names of the hook points that the executors use. `probe` proves that they are live.

Every one is where a plan may overwrite a value. Scores before the softmax are dead on some
architectures, which is known to the executors (`scores` is None there).
"""

from __future__ import annotations

from dataclasses import dataclass

from pathpatch_runner.graph import ModelShape


@dataclass(frozen=True)
class LayerHookPoints:
    """Hook names of one layer. `q`, `z` [batch, pos, n_heads, d_head], `k`, `v` [batch, pos, n_kv,
    d_head], `pattern`, `scores` [batch, n_heads, query, key], `mlp_out` and `resid_pre` [batch,
    pos, d_model]. Queries and keys are seen before a rotation."""

    q: str
    k: str
    v: str
    z: str
    pattern: str
    scores: str | None
    mlp_out: str | None
    resid_pre: str


@dataclass(frozen=True)
class HookPoints:
    """All hook points of a model. `embed`: of the tokens, without positions; `resid_final`: the
    stream that the final norm reads; both [batch, pos, d_model]."""

    embed: str
    layers: tuple[LayerHookPoints, ...]
    resid_final: str = ""

    def stream_after(self, layer: int) -> str:
        """The stream that a layer leaves behind."""
        after = layer + 1
        return self.layers[after].resid_pre if after < len(self.layers) else self.resid_final


def named_hook_points(shape: ModelShape, *, scores: bool) -> HookPoints:
    """The names TransformerLens gives them. `scores`: whether that hook is live."""
    return HookPoints(
        embed="hook_embed",
        layers=tuple(
            _named_layer(f"blocks.{layer}", shape, scores=scores) for layer in range(shape.n_layers)
        ),
        resid_final=f"blocks.{shape.n_layers - 1}.hook_resid_post",
    )


def _named_layer(block: str, shape: ModelShape, *, scores: bool) -> LayerHookPoints:
    return LayerHookPoints(
        q=f"{block}.attn.hook_q",
        k=f"{block}.attn.hook_k",
        v=f"{block}.attn.hook_v",
        z=f"{block}.attn.hook_z",
        pattern=f"{block}.attn.hook_pattern",
        scores=f"{block}.attn.hook_attn_scores" if scores else None,
        mlp_out=None if shape.attn_only else f"{block}.hook_mlp_out",
        resid_pre=f"{block}.hook_resid_pre",
    )


def written_to_stream(shape: ModelShape) -> list[str]:
    """Hooks that see what the attention and the MLP of each layer add to the stream: their outputs,
    or those of the norms that follow them."""
    ends = ["hook_attn_out", "hook_mlp_out"]
    if not shape.separable_heads:
        ends = ["ln1_post.hook_out", "ln2_post.hook_out"]
    kept = ends[:1] if shape.attn_only else ends
    return [f"blocks.{layer}.{end}" for layer in range(shape.n_layers) for end in kept]

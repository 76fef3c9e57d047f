"""What each node of a loaded model computes, as plain functions of the residual stream.

The `delta` executor evaluates single heads and slots, which no forward pass offers. This module
reads the weights of a bridge's layers and how they are put together. It is a second statement
of the model: `execute/delta/proof.py` compares it with the model itself before it is used.

Shapes: `w_q` [n_heads, d_model, d_head], `w_k`, `w_v` [n_kv, d_model, d_head], `w_o` [n_heads,
d_head, d_model], biases without d_model; queries, keys and values [..., pos, d_head].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.component import original_of
from pathpatch_runner.model.load import LoadedModel
from pathpatch_runner.model.rotary import Rotary, rotary_of

Function = Callable[[torch.Tensor], torch.Tensor]
UNSCALED = {"GPTNeoSelfAttention"}
"""Attention that multiplies queries with keys as they are, and says so nowhere."""


@dataclass(frozen=True)
class Projection:
    """One of queries, keys, values: `weight` [head, d_model, d_head], `bias` [head, 1 or n
    positions, d_head]: by position where positions are added to what is read."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    norm: Function | None = None
    rotary: Rotary | None = None


@dataclass(frozen=True)
class Attention:
    """One layer's attention. `post`: a norm between the heads' sum and the stream, where there
    is one. `window`: how many positions back a query reaches, itself counted."""

    norm: Function
    q: Projection
    k: Projection
    v: Projection
    scale: float
    softcap: float
    window: int | None
    causal: bool
    w_o: torch.Tensor
    b_o: torch.Tensor | None
    post: Function | None


@dataclass(frozen=True)
class Mlp:
    """One layer's MLP; `inner` takes normed rows [row, d_model]."""

    norm: Function
    inner: Function
    post: Function | None


@dataclass(frozen=True)
class Unembedding:
    """`w_u` [d_vocab, d_model]."""

    norm: Function
    w_u: torch.Tensor
    b_u: torch.Tensor | None
    softcap: float

    def logits(self, normed: torch.Tensor) -> torch.Tensor:
        """Logits [..., d_vocab] of normed streams [..., d_model]."""
        rows = normed.reshape(-1, normed.shape[-1])
        logits = softcapped(F.linear(rows, self.w_u, self.b_u), self.softcap)
        return logits.view(*normed.shape[:-1], -1)


def softcapped(values: torch.Tensor, cap: float) -> torch.Tensor:
    """Values bent smoothly into (-cap, cap); as they are for a cap of 0, which stands for none."""
    return torch.tanh(values / cap) * cap if cap else values


@dataclass(frozen=True)
class NodeFunctions:
    """All nodes of a model, for prompts of one length."""

    attention: tuple[Attention, ...]
    mlp: tuple[Mlp, ...]
    logits: Unembedding


def node_functions(model: LoadedModel, n_positions: int) -> NodeFunctions:
    """The functions of a loaded model. Raises `ModelError` where its parts are not as expected."""
    try:
        layers = [_Layer(model, layer, n_positions) for layer in range(model.shape.n_layers)]
        return NodeFunctions(
            attention=tuple(layer.attention() for layer in layers),
            mlp=() if model.shape.attn_only else tuple(layer.mlp() for layer in layers),
            logits=unembedding(model),
        )
    except (AttributeError, RuntimeError, TypeError, KeyError) as error:
        raise ModelError(f"the parts of the model are not as expected: {error}") from error


def _matrix(component: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """([in, out], [out]) of a linear component."""
    linear = original_of(component)
    weight = linear.weight
    # Hugging Face's Conv1D (GPT-2) keeps its weight the other way round.
    return (weight if type(linear).__name__ == "Conv1D" else weight.T), linear.bias


def _softcap(value: Any) -> float:
    return float(value) if value is not None and value > 0 else 0.0


class _Layer:
    def __init__(self, model: LoadedModel, layer: int, n_positions: int) -> None:
        self._shape: ModelShape = model.shape
        self._model = model
        self._block = model.bridge.blocks[layer]
        self._layer = layer
        self._n_positions = n_positions
        self._original = original_of(self._block.attn)

    def attention(self) -> Attention:
        shape, block = self._shape, self._block
        weight, b_o = _matrix(block.attn.o)
        rotary = rotary_of(self._model, self._original, self._n_positions)
        return Attention(
            norm=original_of(block.ln1),
            q=self._projection("q", shape.n_heads, rotary),
            k=self._projection("k", shape.n_kv, rotary),
            v=self._projection("v", shape.n_kv, None),
            scale=_scale(self._original, shape, self._layer),
            softcap=_softcap(getattr(self._model.bridge.cfg, "attn_scores_soft_cap", None)),
            window=_window(self._model, self._original, self._layer),
            causal=shape.causal,
            w_o=weight.reshape(shape.n_heads, shape.d_head, -1),
            b_o=b_o,
            post=None if shape.separable_heads else original_of(block.ln1_post),
        )

    def _projection(self, slot: str, n_heads: int, rotary: Rotary | None) -> Projection:
        component = getattr(self._block.attn, slot)
        weight, bias = _matrix(component)
        positions = getattr(original_of(component), "positions", None)
        if positions is not None:
            bias = bias + positions[: self._n_positions] @ weight
        norm = getattr(self._original, f"{slot}_norm", None) if slot != "v" else None
        return Projection(
            # A view: the weights are not held a second time.
            weight.unflatten(1, (n_heads, -1)).permute(1, 0, 2),
            None if bias is None else bias.view(-1, n_heads, self._shape.d_head).transpose(0, 1),
            norm,
            rotary,
        )

    def mlp(self) -> Mlp:
        block = self._block
        norm = block.ln2 if hasattr(block, "ln2") else block.ln1
        post = original_of(block.ln2_post) if hasattr(block, "ln2_post") else None
        return Mlp(original_of(norm), _mlp_inner(block.mlp), post)


def _scale(attention: Any, shape: ModelShape, layer: int) -> float:
    if isinstance(getattr(attention, "scaling", None), float):
        return float(attention.scaling)
    if isinstance(getattr(attention, "scale", None), float):
        return 1.0 / float(attention.scale)
    scales = getattr(attention, "scale_attn_weights", type(attention).__name__ not in UNSCALED)
    scale = shape.d_head**-0.5 if scales else 1.0
    if getattr(attention, "scale_attn_by_inverse_layer_idx", False):
        scale /= layer + 1
    return scale


def _window(model: LoadedModel, attention: Any, layer: int) -> int | None:
    """How far back a layer's queries reach: said by its attention, or by the model's config for
    all layers or for those of a kind."""
    if hasattr(attention, "sliding_window"):
        window: int | None = attention.sliding_window
        return window
    config: Any = getattr(model.bridge.original_model, "config", None)
    kinds = getattr(config, "attention_layers", None)
    if kinds is not None:
        return int(config.window_size) if kinds[layer] == "local" else None
    kinds = getattr(config, "layer_types", None)
    slides = kinds is None or kinds[layer] == "sliding_attention"
    return getattr(config, "sliding_window", None) if slides else None


def _gelu_tanh(x: torch.Tensor) -> torch.Tensor:
    return _gelu_of(x, "tanh")


def _gelu(x: torch.Tensor) -> torch.Tensor:
    return _gelu_of(x, "none")


def _gelu_of(x: torch.Tensor, approximate: str) -> torch.Tensor:
    if torch.is_grad_enabled():
        return F.gelu(x, approximate=approximate)
    result: torch.Tensor = torch.ops.aten.gelu_.default(x, approximate=approximate)
    return result


def _silu(x: torch.Tensor) -> torch.Tensor:
    return F.silu(x, inplace=not torch.is_grad_enabled())


_FAST_ACTIVATIONS: dict[str, Function] = {
    "NewGELUActivation": _gelu_tanh,
    "FastGELUActivation": _gelu_tanh,
    "GELUTanh": _gelu_tanh,
    "PytorchGELUTanh": _gelu_tanh,
    "GELUActivation": _gelu,
    "SiLUActivation": _silu,
    "SiLU": _silu,
}
"""The same functions as the named modules, in one kernel instead of many; in place, but for
gradients, which need what was there."""


def _mlp_inner(bridge: Any) -> Function:
    original = original_of(bridge)
    act = getattr(original, "act", None) or getattr(original, "act_fn", None)
    fast = _FAST_ACTIVATIONS.get(type(act).__name__)
    if fast is None or getattr(original, "ln", None) is not None:
        return original  # type: ignore[no-any-return]  # an nn.Module of the model
    w_in, b_in = _matrix(getattr(bridge, "in"))
    w_out, b_out = _matrix(bridge.out)
    if not hasattr(bridge, "gate"):
        return lambda x: F.linear(fast(F.linear(x, w_in.T, b_in)), w_out.T, b_out)
    w_gate, b_gate = _matrix(bridge.gate)

    def gated(x: torch.Tensor) -> torch.Tensor:
        gates, hidden = fast(F.linear(x, w_gate.T, b_gate)), F.linear(x, w_in.T, b_in)
        hidden = gates * hidden if torch.is_grad_enabled() else gates.mul_(hidden)
        return F.linear(hidden, w_out.T, b_out)

    return gated


def unembedding(model: LoadedModel) -> Unembedding:
    """The last norm and the logits, which most models have alike."""
    bridge = model.bridge
    linear, norm = original_of(bridge.unembed), original_of(bridge.ln_final)
    config = getattr(bridge.original_model, "config", None)
    # Cohere multiplies its logits, Granite divides them.
    scale = float(getattr(config, "logit_scale", None) or 1.0)
    scale /= float(getattr(config, "logits_scaling", None) or 1.0)
    return Unembedding(
        norm=norm if scale == 1.0 else lambda x: norm(x) * scale,
        w_u=linear.weight,
        b_u=getattr(linear, "bias", None),
        softcap=_softcap(getattr(bridge.cfg, "output_logits_soft_cap", None)),
    )


def embed(
    model: LoadedModel, ids: torch.Tensor, hooks: list[tuple[str, Callable[..., torch.Tensor]]]
) -> torch.Tensor:
    """The stream [batch, pos, d_model] that the first layer reads, with hooks on the embedding."""
    with torch.no_grad():
        stream = model.bridge.run_with_hooks(ids, fwd_hooks=hooks, stop_at_layer=0)
    assert isinstance(stream, torch.Tensor)
    return stream

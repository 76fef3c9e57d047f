"""A compiled program as one transformer: no norm, ReLU, every position sees every other.

The stream has one coordinate for every direction that some part reads or writes. A layer holds
attention and then an MLP; what a layer lacks is zero. Weights are in TransformerLens' names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Assembled:
    """`weights` by TransformerLens name; `config`: TransformerBridgeConfig fields; `tokens`: the
    value of every token id; `outputs`: the value of every logit."""

    weights: dict[str, Array]
    config: dict[str, Any]
    tokens: list[Any]
    outputs: list[Any]


def assembled(parts: Any, tokens: Any, positions: Any, output: list[Any], length: int) -> Assembled:
    """One transformer of the parts. A program with a numerical output gets two logits: the number,
    and 0 to compare it with."""
    from tracr.craft import bases, transformers, vectorspace_fns

    stream = bases.join_vector_spaces(
        parts.residual_space, tokens, positions, bases.VectorSpaceWithBasis(output)
    )

    def into(space: Any) -> Array:
        return np.asarray(vectorspace_fns.project(stream, space).matrix)

    layers = _layers(parts, transformers)
    heads = [head for layer in layers for head in layer[0]]
    n_heads = max(len(layer[0]) for layer in layers)
    d_head = max(max(head.w_qk.matrix.shape + head.w_ov.matrix.shape) for head in heads)
    d_mlp = max([m.fst.output_space.num_dims for _, m in layers if m is not None], default=1)
    d_model = stream.num_dims
    weights = {
        "embed.W_E": _embedding(stream, tokens, bases),
        "pos_embed.W_pos": np.vstack([np.zeros((1, d_model)), into(positions).T]),
        **_unembedding(into(bases.VectorSpaceWithBasis(output)), len(output)),
    }
    for number, (attention, mlp) in enumerate(layers):
        weights |= _attention(f"blocks.{number}.attn", attention, into, n_heads, d_head, d_model)
        weights |= _mlp(f"blocks.{number}.mlp", mlp, into, d_mlp, d_model)
    config = {
        "n_layers": len(layers), "n_heads": n_heads, "d_model": d_model, "d_head": d_head,
        "d_mlp": d_mlp, "n_ctx": length + 1, "d_vocab": tokens.num_dims,
        "d_vocab_out": max(len(output), 2), "act_fn": "relu", "normalization_type": None,
        "attention_dir": "bidirectional", "positional_embedding_type": "standard",
    }  # fmt: skip
    return Assembled(weights, config, [b.value for b in tokens.basis], [b.value for b in output])


def _layers(parts: Any, transformers: Any) -> list[tuple[list[Any], Any]]:
    """(heads, MLP) of every layer: an MLP goes below the attention before it, if it may."""
    layers: list[tuple[list[Any], Any]] = []
    for block in parts.blocks:
        if isinstance(block, transformers.MLP):
            if layers and layers[-1][1] is None:
                layers[-1] = (layers[-1][0], block)
            else:
                layers.append(([], block))
        else:
            layers.append((list(block.as_multi().heads()), None))
    return layers


def _embedding(stream: Any, tokens: Any, bases: Any) -> Array:
    matrix = np.zeros((tokens.num_dims, stream.num_dims))
    index = {direction: i for i, direction in enumerate(stream.basis)}
    for token, direction in enumerate(tokens.basis):
        matrix[token, index[direction]] = 1
    one = bases.BasisDirection("one")
    if one in index:
        matrix[:, index[one]] = 1
    return matrix


def _unembedding(matrix: Array, n_outputs: int) -> dict[str, Array]:
    if n_outputs == 1:
        matrix = np.hstack([matrix, np.zeros_like(matrix)])
    return {"unembed.W_U": matrix, "unembed.b_U": np.zeros(matrix.shape[1])}


def _attention(
    name: str, heads: list[Any], into: Any, n_heads: int, d_head: int, d_model: int
) -> dict[str, Array]:
    found: dict[str, Any] = {f"{name}.W_{s}": np.zeros((n_heads, d_model, d_head)) for s in "QKV"}
    found[f"{name}.W_O"] = np.zeros((n_heads, d_head, d_model))
    found |= {f"{name}.b_{s}": np.zeros((n_heads, d_head)) for s in "QKV"}
    found[f"{name}.b_O"] = np.zeros(d_model)
    for number, head in enumerate(heads):
        query = into(head.w_qk.left_space) @ head.w_qk.matrix
        # Scores are divided by the root of d_head, which the compiler does not know of.
        found[f"{name}.W_Q"][number, :, : query.shape[1]] = query * d_head**0.5
        key = into(head.w_qk.right_space)
        found[f"{name}.W_K"][number, :, : key.shape[1]] = key
        value = into(head.w_ov.input_space) @ head.w_ov.matrix
        found[f"{name}.W_V"][number, :, : value.shape[1]] = value
        found[f"{name}.W_O"][number, : value.shape[1]] = into(head.w_ov.output_space).T
    return found


def _mlp(name: str, mlp: Any, into: Any, d_mlp: int, d_model: int) -> dict[str, Array]:
    found = {
        f"{name}.W_in": np.zeros((d_model, d_mlp)),
        f"{name}.b_in": np.zeros(d_mlp),
        f"{name}.W_out": np.zeros((d_mlp, d_model)),
        f"{name}.b_out": np.zeros(d_model),
    }
    if mlp is not None:
        hidden = mlp.fst.output_space.num_dims
        found[f"{name}.W_in"][:, :hidden] = into(mlp.fst.input_space) @ mlp.fst.matrix
        found[f"{name}.W_out"][:hidden] = mlp.snd.matrix @ into(mlp.snd.output_space).T
    return found

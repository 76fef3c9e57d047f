"""Weights of native models: safetensors in TransformerLens names, checked before they are loaded.
(TransformerLens' old hub repositories have the same names in a torch file, `.pth`.)

`embed.W_E` [d_vocab, d_model], `pos_embed.W_pos` [n_ctx, d_model], `blocks.0.attn.W_Q` [n_heads,
d_model, d_head], `W_K`, `W_V` [n_kv, d_model, d_head], `W_O` [n_heads, d_head, d_model], `b_Q`,
`b_K`, `b_V`, `b_O`, `blocks.0.mlp.W_in` [d_model, d_mlp], `W_out`, `blocks.0.ln1.w`, `.b`, ...,
`ln_final.w`, `.b`, `unembed.W_U` [d_model, d_vocab], `b_U`.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.files import PICKLED, readable, refused_pickle
from pathpatch_runner.reading import within_memory

MOST_SHOWN = 8
OPTIONAL = "unembed.b_U"
"""Zero where a file lacks it: many models have none. TransformerLens' own loader does the same."""
_ALIASES = {"._W_K": ".W_K", "._W_V": ".W_V", "._b_K": ".b_K", "._b_V": ".b_V"}
_BUFFERS = (".mask", ".IGNORE")
_NAMES = {
    "embed.weight": "embed.W_E",
    "pos_embed.weight": "pos_embed.W_pos",
    "positions.weight": "pos_embed.W_pos",
    "unembed.weight": "unembed.W_U",
    "unembed.bias": "unembed.b_U",
}
_PARTS = {"q": "Q", "k": "K", "v": "V", "o": "O", "in": "in", "out": "out", "gate": "gate"}


def load_native_weights(
    bridge: Any, shape: ModelShape, path: Path, dtype: torch.dtype, *, pickled: bool = False
) -> None:
    """Give a native bridge the tensors of a file, in `dtype`, as its parameters.

    `pickled`: it may be a torch file. Raises ModelError listing all misfits.
    """
    tensors = _read(path, pickled=pickled)
    if OPTIONAL not in tensors:
        tensors[OPTIONAL] = torch.zeros(shape.n_logits)
    _check_fit(path, tensors, expected_tensors(bridge.state_dict(), shape))
    # Each in place of the parameter that the bridge was built with: nothing is held twice.
    bridge.load_state_dict(_converted(bridge, tensors, dtype), strict=True, assign=True)
    empty = [name for name, tensor in bridge.state_dict().items() if tensor.is_meta]
    assert not empty, f"without weights: {empty}"


def _converted(
    bridge: Any, tensors: dict[str, torch.Tensor], dtype: torch.dtype
) -> dict[str, torch.Tensor]:
    """In a native bridge's names and layout; `tensors` is emptied."""
    from transformer_lens.utilities.tl_checkpoint_conversion import convert_tl_checkpoint

    state: dict[str, torch.Tensor] = {}
    for name in list(tensors):
        for own, tensor in convert_tl_checkpoint({name: tensors.pop(name)}, bridge.cfg).items():
            state[own] = tensor.to(dtype)
    if "positions.weight" in bridge.state_dict():
        state["positions.weight"] = state.pop("pos_embed.weight")
    return state


def _check_fit(
    path: Path, tensors: dict[str, torch.Tensor], expected: dict[str, tuple[int, ...]]
) -> None:
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = [
        f"{name} {list(size)} is missing" for name, size in expected.items() if name not in found
    ]
    wrong += [f"{name} is not in the model" for name in found if name not in expected]
    wrong += [
        f"{name} is {list(found[name])}, the model's is {list(size)}"
        for name, size in expected.items()
        if name in found and found[name] != size
    ]
    if wrong:
        raise ModelError(
            f'model.weights: "{path}" does not fit model.config: {listed(wrong)}. Names and '
            "shapes are TransformerLens' (blocks.0.attn.W_Q [n_heads, d_model, d_head], ...)"
        )


def listed(problems: list[str]) -> str:
    """The first few problems in one line, and how many more there are."""
    more = f"; and {len(problems) - MOST_SHOWN} more" if len(problems) > MOST_SHOWN else ""
    return "; ".join(problems[:MOST_SHOWN]) + more


def expected_tensors(
    state: dict[str, torch.Tensor], shape: ModelShape
) -> dict[str, tuple[int, ...]]:
    """Sizes by TransformerLens name, from a native bridge's own state."""
    return dict(_expected(name, tuple(tensor.shape), shape) for name, tensor in state.items())


def _expected(name: str, size: tuple[int, ...], shape: ModelShape) -> tuple[str, tuple[int, ...]]:
    if name in _NAMES:
        return _NAMES[name], size[::-1] if name == "unembed.weight" else size
    path, _, kind = name.rpartition(".")
    owner, _, part = path.rpartition(".")
    is_weight = kind == "weight"
    if part not in _PARTS:
        return f"{path}.{'w' if is_weight else 'b'}", size
    renamed = f"{owner}.{'W' if is_weight else 'b'}_{_PARTS[part]}"
    heads = shape.n_kv if part in ("k", "v") else shape.n_heads
    if part in ("q", "k", "v"):
        middle = (shape.d_model,) if is_weight else ()
        return renamed, (heads, *middle, shape.d_head)
    if part == "o" and is_weight:
        return renamed, (heads, shape.d_head, shape.d_model)
    return renamed, size[::-1]


def _read(path: Path, *, pickled: bool) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix in PICKLED and not pickled:
        raise ModelError(refused_pickle("model.weights", path))
    try:
        with (
            readable(path, "model.weights"),
            within_memory(f'model.weights: "{path}"', ModelError),
        ):
            if pickled:
                tensors = torch.load(path, map_location="cpu", weights_only=True)
            else:
                path.open("rb").close()
                tensors = load_file(path)
    except SafetensorError as error:
        raise ModelError(f'model.weights: "{path}" is not a safetensors file: {error}') from error
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ModelError(f'model.weights: "{path}" is not a torch file of weights') from error
    return {_plain(name): t for name, t in tensors.items() if not name.endswith(_BUFFERS)}


def _plain(name: str) -> str:
    for alias, usual in _ALIASES.items():
        if name.endswith(alias):
            return name.removesuffix(alias) + usual
    return name

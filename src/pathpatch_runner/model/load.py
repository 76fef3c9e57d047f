"""Load a model: a bridge in evaluation mode, its shape, its live hooks, its tokenizer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pathpatch_runner.config import Dtype, ModelConfig, NativeModelConfig, WeightProcessing
from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.build import build_bridge, quiet, seeded
from pathpatch_runner.model.digest import model_digest, model_name
from pathpatch_runner.model.probe import probe_sites
from pathpatch_runner.model.shape import model_shape, shape_of
from pathpatch_runner.model.sites import HookSites
from pathpatch_runner.model.tokenizer import Tokenizer, load_tokenizer

HookFunction = Callable[[torch.Tensor, Any], torch.Tensor]
DTYPES = {
    Dtype.float64: torch.float64,
    Dtype.float32: torch.float32,
    Dtype.bfloat16: torch.bfloat16,
    Dtype.float16: torch.float16,
}


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to be patched."""

    bridge: Any
    shape: ModelShape
    name: str
    digest: str
    tokenizer: Tokenizer | None
    device: torch.device
    dtype: torch.dtype
    sites: HookSites

    def forward(self, ids: torch.Tensor, hooks: list[tuple[str, HookFunction]]) -> torch.Tensor:
        """Logits [batch, pos, d_vocab] of token ids [batch, pos], with hooks that are removed
        whatever happens. The ids are taken as they are: nothing is prepended, padded or masked."""
        return forward(self.bridge, ids, hooks)


def forward(bridge: Any, ids: torch.Tensor, hooks: list[tuple[str, HookFunction]]) -> torch.Tensor:
    """`LoadedModel.forward` for a bridge alone."""
    with torch.no_grad():
        try:
            logits = bridge.run_with_hooks(
                ids,
                fwd_hooks=hooks,
                return_type="logits",
                prepend_bos=False,
                # Without a mask of its own the bridge masks tokens that equal the padding token.
                attention_mask=torch.ones_like(ids),
            )
        finally:
            bridge.reset_hooks()
    assert isinstance(logits, torch.Tensor)
    return logits


def device_of(name: str) -> torch.device:
    """The torch device of `runtime.device`; `auto` is cuda where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        available = ["auto", "cpu"]
        available += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
        raise ModelError(
            f'runtime.device: "{name}" is not available here. Available: {", ".join(available)}'
        ) from error
    return device


def load_model(config: ModelConfig, seed: int, device: str) -> LoadedModel:
    """Load the model a config names. `seed`: of random weights.

    Raises ModelError for everything that a user can mend.
    """
    where, dtype = device_of(device), DTYPES[config.dtype]
    # Said each time: another library may have asked for it.
    torch.backends.cuda.matmul.allow_tf32 = config.tf32
    torch.backends.cudnn.allow_tf32 = config.tf32
    _check_dtype(dtype, where)
    name = model_name(config)
    bridge = build_bridge(config, seed, where, dtype)
    if config.weight_processing is WeightProcessing.compatibility:
        _check_foldable(bridge, name)
        with quiet(), seeded(seed):
            bridge.enable_compatibility_mode()
    for parameter in bridge.parameters():
        parameter.requires_grad_(False)
    bridge.eval()
    shape = _agreed_shape(model_shape(config), shape_of(bridge), name)

    def run(ids: torch.Tensor, hooks: list[tuple[str, Any]]) -> torch.Tensor:
        return forward(bridge, ids, hooks)

    return LoadedModel(
        bridge=bridge,
        shape=shape,
        name=name,
        digest=model_digest(config),
        tokenizer=load_tokenizer(config),
        device=where,
        dtype=dtype,
        sites=probe_sites(run, shape, name, where, native=isinstance(config, NativeModelConfig)),
    )


def _agreed_shape(said: ModelShape | None, found: ModelShape, name: str) -> ModelShape:
    """The shape that plans are made for must be the loaded model's."""
    if said is not None and said != found:
        differ = [
            f"{field.name} {getattr(said, field.name)} and {getattr(found, field.name)}"
            for field in dataclasses.fields(ModelShape)
            if getattr(said, field.name) != getattr(found, field.name)
        ]
        raise ModelError(
            f'model "{name}": its config and the loaded model disagree: {", ".join(differ)}. '
            "Check the config against the weights"
        )
    return found


def _check_foldable(bridge: Any, name: str) -> None:
    if hasattr(bridge.original_model, "positions"):
        raise ModelError(
            f'model "{name}": weight_processing=compatibility would fold its norms into queries '
            "and keys, past the positions added between them. Use weight_processing=none"
        )


def _check_dtype(dtype: torch.dtype, device: torch.device) -> None:
    try:
        one = torch.ones(2, 2, dtype=dtype, device=device)
        torch.softmax(one @ one, -1)
    except (RuntimeError, TypeError) as error:
        allowed = ", ".join(member.value for member in Dtype if DTYPES[member] != dtype)
        raise ModelError(
            f"model.dtype: {str(dtype).removeprefix('torch.')} cannot be used on {device}. "
            f"Others: {allowed}; float32 works everywhere"
        ) from error

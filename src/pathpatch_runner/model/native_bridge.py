"""Native bridges: with random weights, or with those of a file and none made up before.

The second are built without memory for their parameters (on torch's meta device), which are then
the very tensors that were read. Buffers (causal masks, rotary tables) are computed as always.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pathpatch_runner.errors import ModelError, did_you_mean
from pathpatch_runner.model import shortformer
from pathpatch_runner.model.move import moved
from pathpatch_runner.model.quiet import quiet, seeded
from pathpatch_runner.model.shape import shape_of_fields
from pathpatch_runner.model.weights import load_native_weights


def random_bridge(fields: Mapping[str, Any], seed: int, dtype: torch.dtype) -> Any:
    """A bridge of TransformerBridgeConfig fields, with random weights from the seed alone."""
    with quiet(), seeded(seed):
        return moved(_booted(fields), torch.device("cpu"), dtype)


def weighted_bridge(
    fields: Mapping[str, Any], path: Path, dtype: torch.dtype, *, pickled: bool = False
) -> Any:
    """A bridge with the weights of a file, in `dtype`. `pickled`: it may be a torch file."""
    from accelerate import init_empty_weights

    with quiet():
        with init_empty_weights(include_buffers=False):
            bridge = _booted({**fields, "init_weights": False})
        load_native_weights(bridge, shape_of_fields(fields), path, dtype, pickled=pickled)
        bridge.cfg.init_weights = bool(fields.get("init_weights", True))
        # What is in the model beside its parameters.
        return moved(bridge, torch.device("cpu"), dtype)


def _booted(fields: Mapping[str, Any]) -> Any:
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge import TransformerBridge

    allowed = _bridge_fields(TransformerBridgeConfig)
    unknown = [name for name in fields if name not in allowed]
    if unknown:
        raise ModelError(
            f'model.config: unknown field "{unknown[0]}".{did_you_mean(unknown[0], allowed)} '
            "Fields are those of TransformerLens' TransformerBridgeConfig"
        )
    shape_of_fields(fields)
    boot = TransformerBridge.boot_native
    if fields.get("positional_embedding_type") == shortformer.KIND:
        boot = shortformer.boot_shortformer
    try:
        return boot(TransformerBridgeConfig(**copy.deepcopy(dict(fields))))
    except (ValueError, TypeError, NotImplementedError, AssertionError) as error:
        raise ModelError(f"model.config: no such native model: {error}") from error


def _bridge_fields(config_class: Any) -> set[str]:
    found: set[str] = set()
    for part in config_class.__mro__[:-1]:
        found |= set(inspect.signature(part).parameters)
    return found - {"self", "args", "kwargs"}

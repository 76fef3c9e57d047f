"""The shipped files booted as a ``TransformerBridge``, compared with the model that was trained.

Both compute the same function, but not in the same order, so float32 rounding parts them: by some
1e-5 on logits of 20, which is as far as either is from the exact value. Whether the function *is*
the same is therefore decided in float64; the float32 difference is recorded beside it.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.utilities.tl_checkpoint_conversion import convert_tl_checkpoint

from training.model import AttentionOnly

TOLERANCE = 1e-10
"""Largest difference of float64 logits at which the two are the same function."""


def boot(folder: Path) -> Any:
    """The bridge of a published folder. Every parameter must be in the file, and no other."""
    config = TransformerBridgeConfig(**json.loads((folder / "config.json").read_text()))
    bridge = TransformerBridge.boot_native(config)
    weights = load_file(folder / "model.safetensors")
    bridge.load_state_dict(convert_tl_checkpoint(weights, bridge.cfg), strict=True)
    return bridge


@torch.no_grad()
def logit_differences(folder: Path, model: AttentionOnly, tokens: torch.Tensor) -> dict[str, float]:
    """Largest differences of logits on ``tokens [batch, pos]``, by precision.

    Raises:
        ValueError: the float64 logits differ by more than ``TOLERANCE``.
    """
    bridge, copy = boot(folder), AttentionOnly(model.shape)
    copy.load_state_dict(model.state_dict())
    found = {}
    for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
        logits = bridge.original_model.to(dtype)(tokens), copy.to(dtype).eval()(tokens)
        found[name] = float((logits[0] - logits[1]).abs().max())
    if found["float64"] > TOLERANCE:
        raise ValueError(
            f"{folder}: as a bridge its float64 logits differ from the trained model's by "
            f"{found['float64']:.1e}, more than {TOLERANCE:.0e}: not the same model"
        )
    return found

"""A bridge on another device, in another number format.

TransformerLens' own `bridge.to` lists all parameters once for every parameter: minutes for a model
of thirty layers. This is the one call of torch that it ends with.
"""

from __future__ import annotations

from typing import Any

import torch


def moved(bridge: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """The bridge itself, moved; its config says where it is."""
    torch.nn.Module.to(bridge, device=device, dtype=dtype)
    bridge.cfg.device = str(device)
    bridge.cfg.dtype = dtype
    return bridge

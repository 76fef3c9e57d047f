"""How much fits: bytes of activations, and the budget.

An *entry* is one prompt of one world: a row of the forward pass's batch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from pathpatch_runner.graph import ModelShape

GIB = 2**30
CPU_SHARE = 0.5
CUDA_SHARE = 0.8
CPU_TOKENS = 16_384
"""Tokens of one pass on a CPU beyond which larger passes gain nothing."""


@dataclass(frozen=True)
class Budget:
    """`bytes` of activations one pass may take; `tokens` it need not exceed (None: no limit)."""

    bytes: int
    tokens: int | None


def budget_of(memory_gb: float | str | None, device: torch.device) -> Budget:
    """The budget a config asks for in GiB, or ("auto", None) most of what is free on the device."""
    tokens = CPU_TOKENS if device.type == "cpu" else None
    if memory_gb not in (None, "auto"):
        return Budget(int(float(memory_gb) * GIB), tokens)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return Budget(int(free * CUDA_SHARE), tokens)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Budget(int(free * CPU_SHARE), tokens)


def entry_bytes(shape: ModelShape, n_positions: int, dtype: torch.dtype) -> int:
    """Peak activation bytes of one entry in a forward pass with hooks.

    Counts, per token: a handful of residual-sized tensors, queries, keys, values and outputs
    with the copies the hooks make, the widest MLP activations, scores and pattern of one layer,
    and the logits with their float64 copy at few points.
    """
    heads = 6 * shape.n_heads * shape.d_head
    mlp = (3 if shape.gated_mlp else 2) * shape.d_mlp
    attention = 4 * shape.n_heads * n_positions
    per_token = 8 * shape.d_model + heads + mlp + attention + 2 * shape.n_logits
    return per_token * n_positions * dtype.itemsize


def entries_per_pass(
    shape: ModelShape, n_positions: int, dtype: torch.dtype, budget: Budget
) -> int:
    """Entries one pass may have (at least 1)."""
    most = budget.bytes // entry_bytes(shape, n_positions, dtype)
    if budget.tokens is not None:
        most = min(most, budget.tokens // n_positions)
    return max(int(most), 1)

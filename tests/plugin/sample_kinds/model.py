"""A native model of two layers, of which only the width is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pathpatch_runner.config import ModelConfig
from pathpatch_runner.model.native import NativeModel, NativeModelConfig


@dataclass
class SampleModelConfig(ModelConfig):
    """`width`: of the residual stream, a multiple of 2."""

    kind: str = "sample_model"
    width: int = 16


class SampleModel(NativeModel):
    """A random model."""

    Config = SampleModelConfig  # type: ignore[assignment]  # of this kind

    def __init__(self, config: Any, seed: int) -> None:
        width = config.width
        fields = {
            "n_layers": 2,
            "n_heads": 2,
            "d_model": width,
            "d_head": width // 2,
            "n_ctx": 16,
            "d_vocab": 9,
            "attn_only": True,
            "normalization_type": "LN",
            "positional_embedding_type": "standard",
            "act_fn": "relu",
        }
        super().__init__(NativeModelConfig(config=fields, dtype=config.dtype), seed)

    @property
    def name(self) -> str:
        """As tables call it."""
        return "sample"

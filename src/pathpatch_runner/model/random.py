"""Architectures of Hugging Face with random weights: for tests, and to try a config for its shape.

The weights depend on the seed alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from pathpatch_runner.config import ModelConfig
from pathpatch_runner.errors import ModelError, did_you_mean
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.architecture import hugging_face_config, shape_of_hugging_face
from pathpatch_runner.model.digest import digest_of, digest_text
from pathpatch_runner.model.source import ModelSource

if TYPE_CHECKING:
    import torch

CONSUMED = ("rope_theta", "rope_scaling", "partial_rotary_factor", "rotary_pct", "rotary_emb_base")
"""Fields that Hugging Face configs take and keep under other names."""


@dataclass
class RandomModelConfig(ModelConfig):
    """A Hugging Face architecture with random weights: `architecture` is its model type
    (gpt2, gpt_neox, llama, ...), `config` its configuration fields."""

    kind: str = "random"
    architecture: str = MISSING
    config: dict[str, Any] = field(default_factory=dict)


class RandomModel(ModelSource):
    """A model with random weights."""

    Config = RandomModelConfig
    config: RandomModelConfig

    @property
    def name(self) -> str:
        """The architecture, said to be random."""
        return f"random-{self.config.architecture}"

    @cached_property
    def digest(self) -> str:
        """Over architecture and fields; the seed is in the run key by itself."""
        return digest_of([self.config.architecture, digest_text(self.config.config)])

    @cached_property
    def hugging_face(self) -> Any:
        """The Hugging Face config. Raises ModelError for fields it does not have."""
        architecture, fields = self.config.architecture, dict(self.config.config)
        found = hugging_face_config(architecture, fields, "model.architecture")
        # Hugging Face keeps unknown fields and builds the default model: a typo would go unnoticed.
        allowed = {*type(found)().to_dict(), *found.attribute_map, *CONSUMED}
        unknown = [name for name in fields if name not in allowed]
        if unknown:
            raise ModelError(
                f'model.config: "{architecture}" has no field "{unknown[0]}".'
                f"{did_you_mean(unknown[0], allowed)} Fields are those of its Hugging Face config"
            )
        return found

    @cached_property
    def shape(self) -> ModelShape | None:
        """From the config."""
        return shape_of_hugging_face(self.hugging_face)

    def bridge(self, dtype: torch.dtype) -> Any:
        """Initialised as Hugging Face does, in float32, then converted."""
        from pathpatch_runner.model.pretrained import random_bridge

        return random_bridge(self.hugging_face, self.config.architecture, self.seed, dtype)

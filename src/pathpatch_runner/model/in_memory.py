"""A `TransformerBridge` that exists already, in a notebook, say: `pathpatch_runner.patch`.

It belongs to its user, who finds it as it was: hooks, training mode, gradients, device. Hooks that
are on it act in every pass, as they do for the user; ours are removed after each pass, alone.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pathpatch_runner.config import Dtype, ModelConfig, WeightProcessing
from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.architecture import shape_of_hugging_face
from pathpatch_runner.model.digest import LENGTH
from pathpatch_runner.model.shape import shape_of_fields
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.model.tokenizer import HuggingFaceTokenizer, Tokenizer

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


@dataclass
class InMemoryModelConfig(ModelConfig):
    """A bridge in memory, from Python only. `name`: in the tables; null for the bridge's own."""

    kind: str = "in_memory"
    name: str | None = None


class InMemoryModel(ModelSource):
    """A bridge in memory: `InMemoryModel.of(bridge)`."""

    Config = InMemoryModelConfig
    config: InMemoryModelConfig
    borrowed = True

    def __init__(self, config: InMemoryModelConfig, seed: int, bridge: Any = None) -> None:
        super().__init__(config, seed)
        if bridge is None:
            raise ModelError(
                "model.kind: in_memory is for Python, where the model exists already: "
                "pathpatch_runner.patch(bridge, ...). A config names files: use native, local, "
                "hub or gguf"
            )
        self._bridge = bridge

    @staticmethod
    def of(bridge: Any, name: str | None = None) -> InMemoryModel:
        """The source of a bridge. Raises ModelError for what is none."""
        if not hasattr(bridge, "run_with_hooks") or not hasattr(bridge, "original_model"):
            raise ModelError(
                f"the model is a {type(bridge).__name__}, not a TransformerBridge. Make one: "
                "TransformerBridge.boot_transformers(name, hf_model=..., tokenizer=...)"
            )
        return InMemoryModel(_config_of(bridge, name), 0, bridge)

    @property
    def name(self) -> str:
        """As the config says, else as the bridge does."""
        said = self.config.name or getattr(self._bridge.cfg, "model_name", None)
        return str(said or "in-memory")

    @cached_property
    def digest(self) -> str:
        """Over class, names, number formats and values of all weights and buffers."""
        digest = hashlib.sha256(type(self._bridge.original_model).__name__.encode())
        for name, tensor in sorted(self._bridge.original_model.state_dict().items()):
            digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(_bytes_of(tensor))
        return digest.hexdigest()[:LENGTH]

    @cached_property
    def shape(self) -> ModelShape | None:
        """From the config of the model inside."""
        inner = self._bridge.original_model
        if hasattr(inner, "config"):
            return shape_of_hugging_face(inner.config)
        return shape_of_fields(vars(inner.cfg))

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        """The bridge's own."""
        own = getattr(self._bridge, "tokenizer", None)
        return None if own is None else HuggingFaceTokenizer(lambda: own)

    @property
    def tokenizer_in_digest(self) -> bool:
        """Not that of a bridge, whose weights alone are hashed."""
        return False

    @property
    def drawn(self) -> bool:
        """Weights are read."""
        return False

    def bridge(self, dtype: torch.dtype) -> Any:
        """The bridge itself, as it is."""
        assert next(self._bridge.parameters()).dtype == dtype, "its config says its number format"
        hooked = sum(bool(point.has_hooks()) for point in self._bridge.hook_dict.values())
        if hooked:
            log.warning(
                "the model has hooks of its own at %d points: they act in every pass", hooked
            )
        return self._bridge

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """In evaluation mode and without gradients of weights; afterwards as it was."""
        modules = {module: module.training for module in self._bridge.modules()}
        wanted = {weight: weight.requires_grad for weight in self._bridge.parameters()}
        try:
            self._bridge.eval()
            for weight in wanted:
                weight.requires_grad_(False)
            yield
        finally:
            for module, training in modules.items():
                module.training = training
            for weight, flag in wanted.items():
                weight.requires_grad_(flag)


def _config_of(bridge: Any, name: str | None) -> InMemoryModelConfig:
    """What the bridge is: its number format, and how its weights were processed."""
    import torch

    dtype = str(next(bridge.parameters()).dtype).removeprefix("torch.")
    if dtype not in Dtype.__members__:
        raise ModelError(
            f"the model's weights are {dtype}. Allowed: {', '.join(Dtype.__members__)}"
        )
    processed = bool(getattr(bridge, "compatibility_mode", False))
    kinds = WeightProcessing
    return InMemoryModelConfig(
        name=name,
        dtype=Dtype[dtype],
        tf32=bool(torch.backends.cuda.matmul.allow_tf32),
        weight_processing=kinds.compatibility if processed else kinds.none,
    )


def _bytes_of(tensor: torch.Tensor) -> Any:
    import torch

    plain = tensor.detach().cpu().contiguous()
    return plain.reshape(-1).view(torch.uint8).numpy()

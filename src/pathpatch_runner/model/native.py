"""Native models: TransformerLens' own transformer, from its config fields and a weights file.

Small models trained or made by hand for interpretability. They need neither a hub nor transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pathpatch_runner.config import ModelConfig, file_field
from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.digest import digest_of, digest_text, file_digest
from pathpatch_runner.model.files import read_json
from pathpatch_runner.model.shape import shape_of_fields
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.model.tokenizer import FileTokenizer, Tokenizer

if TYPE_CHECKING:
    import torch


@dataclass
class NativeModelConfig(ModelConfig):
    """`TransformerBridge.boot_native` from `config` (TransformerBridgeConfig fields, or the
    path of a JSON file of them); `weights`: safetensors in TransformerLens names, else
    random from `seed`; `tokenizer`: a tokenizer.json, not needed where the data carries ids."""

    kind: str = "native"
    config: Any = file_field()
    weights: str | None = file_field(None)
    tokenizer: str | None = file_field(None)


class NativeModel(ModelSource):
    """A native model."""

    Config = NativeModelConfig
    config: NativeModelConfig

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """TransformerBridgeConfig fields: inline, or from the JSON file."""
        said = self.config.config
        if isinstance(said, Mapping):
            return dict(said)
        if isinstance(said, str):
            return read_json(Path(said), "model.config")
        raise ModelError(
            f"model.config: {said!r} is neither a mapping of TransformerBridgeConfig "
            "fields nor the path of a JSON file of them"
        )

    @property
    def name(self) -> str:
        """The folder of the weights, or their file's name where that says more."""
        if self.config.weights is None:
            return "native-random"
        weights = Path(self.config.weights)
        if weights.stem != "model":
            return weights.stem
        folder = weights.resolve().parent
        return folder.parent.name if folder.name == "model" else folder.name

    @cached_property
    def digest(self) -> str:
        """Over fields, weights and tokenizer."""
        files = {"model.weights": self.config.weights, "model.tokenizer": self.config.tokenizer}
        parts = [file_digest(Path(f), key) if f else "none" for key, f in files.items()]
        return digest_of([digest_text(self.fields), *parts])

    @cached_property
    def shape(self) -> ModelShape:
        """From the fields."""
        return shape_of_fields(self.fields)

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        """From its file."""
        return FileTokenizer(Path(self.config.tokenizer)) if self.config.tokenizer else None

    @property
    def has_tokenizer(self) -> bool:
        """Whether the config names one."""
        return self.config.tokenizer is not None

    @property
    def files(self) -> tuple[Path, ...]:
        """Config, weights and tokenizer, where they are files."""
        named = (self.config.config, self.config.weights, self.config.tokenizer)
        return tuple(Path(name) for name in named if isinstance(name, str))

    @property
    def drawn(self) -> bool:
        """Where no file has them."""
        return self.config.weights is None

    def bridge(self, dtype: torch.dtype) -> Any:
        """With the weights of the file, or random ones from the seed."""
        from pathpatch_runner.model.native_bridge import random_bridge, weighted_bridge

        if self.config.weights is None:
            return random_bridge(self.fields, self.seed, dtype)
        return weighted_bridge(self.fields, Path(self.config.weights), dtype)

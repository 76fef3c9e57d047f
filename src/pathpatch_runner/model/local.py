"""Local models: a directory as Hugging Face's `save_pretrained` writes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pathpatch_runner.config import ModelConfig, file_field
from pathpatch_runner.errors import ModelError, NotAtHandError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.architecture import hugging_face_config, shape_of_hugging_face
from pathpatch_runner.model.digest import digest_of, file_digest
from pathpatch_runner.model.files import PICKLED, explained, read_json, readable, refused_pickle
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.model.tokenizer import HuggingFaceTokenizer, Tokenizer, pretrained_tokenizer

if TYPE_CHECKING:
    import torch

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "tokenizer.model")
"""A directory that has one of these has a tokenizer."""
OFFLINE = {"local_files_only": True}


@dataclass
class LocalModelConfig(ModelConfig):
    """A Hugging Face model directory. A tokenizer in it is used where the data is text."""

    kind: str = "local"
    path: str = file_field()


class LocalModel(ModelSource):
    """A model in a directory."""

    Config = LocalModelConfig
    config: LocalModelConfig

    @cached_property
    def folder(self) -> Path:
        """The directory, which is there."""
        folder = Path(self.config.path)
        if folder.is_file():
            raise ModelError(f'model.path: "{folder}" is a file, not a directory')
        if not folder.is_dir():
            raise NotAtHandError(f'model.path: no directory "{folder}"')
        return folder

    @property
    def name(self) -> str:
        """The directory's name."""
        return Path(self.config.path).resolve().name

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Every file of the directory."""
        with readable(self.folder, "model.path"):
            return tuple(sorted(path for path in self.folder.iterdir() if path.is_file()))

    @cached_property
    def digest(self) -> str:
        """Over the names and contents of all files."""
        return digest_of(
            part for path in self.files for part in (path.name, file_digest(path, "model.path"))
        )

    @cached_property
    def shape(self) -> ModelShape | None:
        """From config.json."""
        file = self.folder / "config.json"
        if not file.exists():
            raise ModelError(
                f'model.path: "{self.folder}" has no config.json. A local model is a directory as '
                "`save_pretrained` writes it"
            )
        fields = dict(read_json(file, "model.path"))
        model_type = str(fields.pop("model_type", ""))
        return shape_of_hugging_face(hugging_face_config(model_type, fields, "model.path"))

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        """The one in the directory, if there is one; read when the first text is."""
        if not any((self.folder / name).is_file() for name in TOKENIZER_FILES):
            return None
        return HuggingFaceTokenizer(self._load_tokenizer)

    def _load_tokenizer(self) -> Any:
        with explained(self.name, hub=False):
            return pretrained_tokenizer(str(self.folder), **OFFLINE)

    @property
    def drawn(self) -> bool:
        """Weights are read."""
        return False

    def bridge(self, dtype: torch.dtype) -> Any:
        """With the weights of its safetensors files."""
        from pathpatch_runner.model.pretrained import pretrained_bridge

        if not any(file.suffix == ".safetensors" for file in self.files):
            pickled = [file for file in self.files if file.suffix in PICKLED]
            if pickled:
                raise ModelError(refused_pickle("model.path", pickled[0]))
        with explained(self.name, hub=False):
            return pretrained_bridge(str(self.folder), self.name, dtype, OFFLINE)

"""Text to token ids and back. `Tokenizer` is all the rest of the package knows of one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from pathpatch_runner.config import (
    GgufModelConfig,
    HubModelConfig,
    LocalModelConfig,
    ModelConfig,
    NativeModelConfig,
)
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.files import cached_first, explained, gguf_file
from pathpatch_runner.model.legacy import is_legacy, legacy_config


class Tokenizer(Protocol):
    """A tokenizer: `encode` adds what the tokenizer itself adds, nothing more."""

    @property
    def n_vocab(self) -> int:
        """How many token ids there are."""

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""

    def token_text(self, token_id: int) -> str:
        """The text of one token, as shown in messages."""


class FileTokenizer:
    """A `tokenizer.json` read with the tokenizers library."""

    def __init__(self, path: Path) -> None:
        import tokenizers

        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:
            raise ModelError(
                f'model.tokenizer: "{path}" is not a tokenizer.json: {error}'
            ) from error

    @property
    def n_vocab(self) -> int:
        """How many token ids there are."""
        return int(self._tokenizer.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return list(self._tokenizer.encode(text).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def token_text(self, token_id: int) -> str:
        """The text of one token."""
        return self.decode([token_id])


class HuggingFaceTokenizer:
    """A tokenizer of the transformers library."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @property
    def n_vocab(self) -> int:
        """How many token ids there are."""
        return len(self._tokenizer)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return list(self._tokenizer.encode(text))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return str(self._tokenizer.decode(list(ids)))

    def token_text(self, token_id: int) -> str:
        """The text of one token."""
        return self.decode([token_id])


def load_tokenizer(config: ModelConfig) -> Tokenizer | None:
    """The tokenizer of a model, without its weights; None where it has none.

    Raises ModelError where one is named and cannot be read.
    """
    if isinstance(config, NativeModelConfig):
        if config.tokenizer is None:
            return None
        path = Path(config.tokenizer)
        if not path.is_file():
            raise ModelError(f'model.tokenizer: no file "{path}"')
        return FileTokenizer(path)
    if isinstance(config, LocalModelConfig):
        names = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "tokenizer.model")
        if not any((Path(config.path) / name).is_file() for name in names):
            return None
        return _from_pretrained(config.path, local_files_only=True)
    if isinstance(config, HubModelConfig):
        return _from_hub(config)
    if isinstance(config, GgufModelConfig):
        file = gguf_file(config)
        return _from_pretrained(str(file.parent), gguf_file=file.name, local_files_only=True)
    return None


def _from_pretrained(name: str, **options: Any) -> Tokenizer:
    from transformers import AutoTokenizer

    with explained(name, hub=False):
        return HuggingFaceTokenizer(AutoTokenizer.from_pretrained(name, **options))


def _from_hub(config: HubModelConfig) -> Tokenizer:
    from transformers import AutoTokenizer

    name = config.name
    with explained(name):
        if is_legacy(config):
            name = _tokenizer_of_legacy(config)
        return HuggingFaceTokenizer(
            cached_first(
                lambda local: AutoTokenizer.from_pretrained(
                    name,
                    revision=config.revision if name == config.name else None,
                    local_files_only=local,
                )
            )
        )


def _tokenizer_of_legacy(config: HubModelConfig) -> str:
    """Models in TransformerLens' old format name a tokenizer of another repository."""
    named = legacy_config(config, local=False).get("tokenizer_name")
    if not named:
        raise ModelError(
            f'model.name: "{config.name}" names no tokenizer. Give token ids in the data'
        )
    return str(named)

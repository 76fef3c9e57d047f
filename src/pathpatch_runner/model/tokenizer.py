"""Text to token ids and back. `Tokenizer` is all the rest of the package knows of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pathpatch_runner.errors import ModelError
from pathpatch_runner.reading import read_text


class Added(NamedTuple):
    """Special token ids that a tokenizer puts around every text (BOS before, EOS after)."""

    before: tuple[int, ...]
    after: tuple[int, ...]


class Located(NamedTuple):
    """A token and the characters of the text it stands for, `start:end`; equal for a token that
    the tokenizer added."""

    token: int
    start: int
    end: int


class Tokenizer(Protocol):
    """A tokenizer. Ids are what the library gives, nothing is added or taken away here:

    encode("a b") == [*added.before, *encode_bare("a b"), *added.after]
    """

    @property
    def n_vocab(self) -> int:
        """How many token ids there are."""

    @property
    def added(self) -> Added:
        """What `encode` puts around a text."""

    @property
    def special(self) -> Mapping[str, int]:
        """Special tokens by their text: `{"<s>": 1, "</s>": 2}`. Such a text inside a prompt
        becomes that token, so a prompt that says `<s>` itself would begin with two of them."""

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, with what the tokenizer itself adds."""

    def encode_bare(self, text: str) -> list[int]:
        """Token ids of a text alone. A tokenizer that marks the beginning of words (Llama 2) may
        give a text that stands alone another first token than the same text after a prompt."""

    def encode_with_offsets(self, text: str) -> list[Located] | None:
        """As `encode`, with where in the text each token is; None if the tokenizer cannot tell."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""

    def token_text(self, token_id: int) -> str:
        """The text of one token as it stands inside a text, a space before it included. For
        messages: the first token of a text may lose its space when decoded with the others."""


WORD_MARK = "\u2581"
"""How SentencePiece vocabularies (Llama 2, Gemma, T5) write the space before a word."""


class FileTokenizer:
    """A `tokenizer.json` read with the tokenizers library."""

    def __init__(self, path: Path) -> None:
        import tokenizers

        text = read_text(path, "model.tokenizer", ModelError)
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(text)
        except KeyboardInterrupt:
            raise
        # The library raises plain Exceptions, and panics, which are not even those.
        except BaseException as error:
            raise ModelError(
                f'model.tokenizer: "{path}" is not a tokenizer.json: {error}'
            ) from error

    @property
    def n_vocab(self) -> int:
        """How many token ids there are."""
        return int(self._tokenizer.get_vocab_size())

    @cached_property
    def added(self) -> Added:
        """What `encode` puts around a text."""
        return _added(self)

    @cached_property
    def special(self) -> Mapping[str, int]:
        """Special tokens by their text."""
        known = self._tokenizer.get_added_tokens_decoder()
        return {token.content: int(i) for i, token in known.items() if token.special}

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, with what the tokenizer itself adds."""
        return list(self._tokenizer.encode(text).ids)

    def encode_bare(self, text: str) -> list[int]:
        """Token ids of a text alone."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def encode_with_offsets(self, text: str) -> list[Located] | None:
        """As `encode`, with where in the text each token is."""
        found = self._tokenizer.encode(text)
        return [Located(i, *at) for i, at in zip(found.ids, found.offsets, strict=True)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def token_text(self, token_id: int) -> str:
        """The text of one token as it stands inside a text."""
        return _inside_a_text(self._tokenizer.id_to_token(token_id), self.decode([token_id]))


class HuggingFaceTokenizer:
    """A tokenizer of the transformers library, loaded when the first text is read: where the data
    are token ids it never is, nor is that library. `load` raises ModelError where it cannot be."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load

    @cached_property
    def _tokenizer(self) -> Any:
        return self._load()

    @property
    def n_vocab(self) -> int:
        """How many token ids there are."""
        return len(self._tokenizer)

    @cached_property
    def added(self) -> Added:
        """What `encode` puts around a text."""
        return _added(self)

    @cached_property
    def special(self) -> Mapping[str, int]:
        """Special tokens by their text."""
        known = self._tokenizer
        return dict(zip(known.all_special_tokens, known.all_special_ids, strict=True))

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, with what the tokenizer itself adds."""
        return list(self._tokenizer.encode(text))

    def encode_bare(self, text: str) -> list[int]:
        """Token ids of a text alone."""
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def encode_with_offsets(self, text: str) -> list[Located] | None:
        """As `encode`, with where in the text each token is; None for one written in Python."""
        if not getattr(self._tokenizer, "is_fast", False):
            return None
        found = self._tokenizer(text, return_offsets_mapping=True)
        pairs = zip(found["input_ids"], found["offset_mapping"], strict=True)
        return [Located(int(i), int(at[0]), int(at[1])) for i, at in pairs]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return str(self._tokenizer.decode(list(ids)))

    def token_text(self, token_id: int) -> str:
        """The text of one token as it stands inside a text."""
        token = self._tokenizer.convert_ids_to_tokens(token_id)
        return _inside_a_text(token, self.decode([token_id]))


def _added(tokenizer: Tokenizer) -> Added:
    """What stands around the bare tokens of a text. Not of the empty text, which some tokenizers
    treat in their own way."""
    whole, bare = tokenizer.encode("a"), tokenizer.encode_bare("a")
    surplus = len(whole) - len(bare)
    for ahead in range(surplus, -1, -1):
        if whole[ahead : ahead + len(bare)] == bare:
            return Added(tuple(whole[:ahead]), tuple(whole[ahead + len(bare) :]))
    return Added((), ())


def _inside_a_text(token: str | None, text: str) -> str:
    """The text of a token; from its vocabulary entry where that marks a space, which decoding one
    token alone drops."""
    if token is None or not token.startswith(WORD_MARK):
        return text
    return token.replace(WORD_MARK, " ")


def pretrained_tokenizer(name: str, **options: Any) -> Any:
    """A tokenizer as the transformers library loads it."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(name, **options)

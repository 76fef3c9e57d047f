"""Prompts as token ids: tokenised as the tokenizer does it, and fit for each other and the model.

A text is given to the tokenizer as it is. What the tokenizer puts around every text (BOS) stays;
a text that begins with it as well is refused, since the model would see it twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pathpatch_runner.dataset.kind import Context
from pathpatch_runner.dataset.record import Prompt
from pathpatch_runner.errors import DatasetError
from pathpatch_runner.model.tokenizer import Located, Tokenizer

MOST_ID = 2**31 - 1
"""The largest token id that tensors of ids hold everywhere."""
MOST_TOKENS_SHOWN = 200


@dataclass(frozen=True)
class Tokenised:
    """A prompt: `ids`, and the `text` they were made of, None where ids were given."""

    ids: tuple[int, ...]
    text: str | None
    tokenizer: Tokenizer | None

    @cached_property
    def located(self) -> list[Located]:
        """Where in the text every token is. Raises DatasetError where that cannot be known."""
        assert self.text is not None
        assert self.tokenizer is not None
        return self.tokenizer.encode_with_offsets(self.text) or _counted(self)


def tokenised(key: str, prompt: Prompt, context: Context) -> Tokenised:
    """The ids of a prompt. Raises DatasetError, whose message begins with what is wrong."""
    tokenizer = context.tokenizer
    if not isinstance(prompt, str):
        return Tokenised(prompt, None, tokenizer)
    if tokenizer is None:
        raise DatasetError(
            f'"{key}" is text, and the model has no tokenizer. Give token ids, or model.tokenizer'
        )
    ids = tuple(tokenizer.encode(prompt))
    before, after = tokenizer.added
    if before and ids[: 2 * len(before)] == before * 2:
        said = shown(before, tokenizer)
        raise DatasetError(
            f'"{key}" begins with "{said}", which the tokenizer puts before every text, so that it '
            "would stand there twice. Leave it out"
        )
    if after and ids[-2 * len(after) :] == after * 2:
        said = shown(after, tokenizer)
        raise DatasetError(
            f'"{key}" ends with "{said}", which the tokenizer puts behind every text, so that it '
            "would stand there twice. Leave it out"
        )
    return Tokenised(ids, prompt, tokenizer)


def shown(ids: Sequence[int], tokenizer: Tokenizer | None) -> str:
    """Tokens as a reader can compare them: `When| Mary| and`, or the ids."""
    some = ids[:MOST_TOKENS_SHOWN]
    more = f" … ({len(ids) - len(some)} more)" if len(ids) > len(some) else ""
    if tokenizer is None:
        return " ".join(str(token) for token in some) + more
    return "|".join(visible(tokenizer.token_text(token)) for token in some) + more


def visible(text: str) -> str:
    """A text on one line in which every character shows: a line break as `\\n`, others that do not
    show themselves as `\\x07` or `\\u2028`. Spaces stay."""
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    code = ord(character)
    long = f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return short or (f"\\x{code:02x}" if code < 0x100 else long)


def unfit(clean: Sequence[int], corrupt: Sequence[int], context: Context) -> Iterator[str]:
    """Why two prompts cannot be a pair of this model: the first reason only, as the others
    would follow from it."""
    tokenizer, shape = context.tokenizer, context.shape
    if not clean or not corrupt:
        yield "a prompt is empty"
        return
    last = MOST_ID if shape is None else shape.d_vocab - 1
    outside = next((token for token in (*clean, *corrupt) if not 0 <= token <= last), None)
    if outside is not None:
        known = tokenizer if outside in range(tokenizer.n_vocab if tokenizer else 0) else None
        said = f' ("{known.token_text(outside)}")' if known else ""
        yield f"token id {outside}{said} is not in the model's vocabulary (0 to {last})"
    elif len(clean) != len(corrupt):
        yield (
            "clean and corrupt must have the same number of tokens\n"
            f"  clean    {len(clean)} tokens: {shown(clean, tokenizer)}\n"
            f"  corrupt  {len(corrupt)} tokens: {shown(corrupt, tokenizer)}"
        )
    elif tuple(clean) == tuple(corrupt):
        yield (
            f"clean and corrupt are identical, so nothing can be patched: {shown(clean, tokenizer)}"
        )
    elif shape is not None and len(clean) > shape.n_ctx:
        yield f"{len(clean)} tokens, and the model takes at most {shape.n_ctx}. Shorten it"


def _counted(prompt: Tokenised) -> list[Located]:
    """As a tokenizer that knows no offsets would say them: by decoding more and more tokens."""
    assert prompt.tokenizer is not None
    before, after = (len(added) for added in prompt.tokenizer.added)
    inner = prompt.ids[before : len(prompt.ids) - after]
    ends = [len(prompt.tokenizer.decode(inner[:n])) for n in range(len(inner) + 1)]
    if prompt.tokenizer.decode(inner) != prompt.text:
        raise DatasetError(
            "the tokenizer cannot tell which characters its tokens stand for. Give token ids and "
            "positions (jsonl), or use a tokenizer.json"
        )
    around = [Located(token, 0, 0) for token in prompt.ids]
    found = [Located(*at) for at in zip(inner, ends, ends[1:], strict=False)]
    return [*around[:before], *found, *around[len(prompt.ids) - after :]]

"""Answers as tokens: what a model is asked for is the token that follows the prompt.

An answer that is text is therefore tokenised as the continuation of its prompt:

    encode("Mary gave it to" + " John")  =  encode("Mary gave it to") + [id of " John"]

It must add exactly one token and leave those of the prompt as they are. A text alone can have
other tokens: a tokenizer that marks the beginning of words (Llama 2) puts such a mark before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pathpatch_runner.dataset.form import quoted
from pathpatch_runner.dataset.kind import Context
from pathpatch_runner.dataset.prompts import MOST_ID, Tokenised, shown
from pathpatch_runner.dataset.record import Token
from pathpatch_runner.errors import DatasetError
from pathpatch_runner.model.tokenizer import Tokenizer

MOST_SHOWN = 3
"""Tokens of the prompt's end that a message shows."""


def answer_tokens(
    key: str, answers: Sequence[Token], prompt: Tokenised, position: int, context: Context
) -> tuple[int, ...]:
    """Token ids of the answers to the prompt up to `position`. Raises DatasetError."""
    tokens = tuple(_token(key, answer, prompt, position, context) for answer in answers)
    for answer, token in zip(answers, tokens, strict=True):
        if tokens.count(token) > 1:
            raise DatasetError(f"{key} names {quoted(answer)} twice")
    return tokens


def _token(key: str, answer: Token, prompt: Tokenised, position: int, context: Context) -> int:
    tokenizer, shape = context.tokenizer, context.shape
    if isinstance(answer, int):
        token, said = answer, f"token id {answer}"
    elif tokenizer is None:
        raise DatasetError(f"{key} is text, and the model has no tokenizer. Give its id")
    else:
        token = _continued(key, answer, _text_before(prompt, position), tokenizer)
        said = f"{quoted(answer)} (token id {token})"
    last = MOST_ID if shape is None else shape.n_logits - 1
    if 0 <= token <= last:
        return token
    classes = shape is not None and shape.n_logits < shape.d_vocab
    raise DatasetError(
        f"{key}: {said} is not among the model's logits (0 to {last})"
        + (". They are classes: name those in the data (jsonl: targets)" if classes else "")
    )


def _text_before(prompt: Tokenised, position: int) -> str:
    """The text of a prompt up to and with a position."""
    assert prompt.tokenizer is not None
    if prompt.text is None:
        ahead = prompt.tokenizer.added.before
        given = prompt.ids[: position + 1]
        return prompt.tokenizer.decode(
            given[len(ahead) :] if given[: len(ahead)] == ahead else given
        )
    if position == len(prompt.ids) - 1:
        return prompt.text
    return prompt.text[: max(located.end for located in prompt.located[: position + 1])]


def _continued(key: str, answer: str, text: str, tokenizer: Tokenizer) -> int:
    before, after = _bare(text, tokenizer), _bare(text + answer, tokenizer)
    kept = after[: len(before)] == before
    if kept and len(after) == len(before) + 1:
        return after[-1]
    if after == before:
        what = f"{quoted(answer)} adds no token to the prompt, and must be one"
    elif kept:
        added = after[len(before) :]
        what = (
            f"{quoted(answer)} is {len(added)} tokens after the prompt "
            f"({shown(added, tokenizer)}), and must be one"
        )
    else:
        same = next(n for n, token in enumerate(before) if after[n : n + 1] != [token])
        start = max(0, min(same, len(before) - MOST_SHOWN))
        what = (
            f"with {quoted(answer)} behind it the end of the prompt has other tokens: "
            f"{shown(before[start:], tokenizer)} becomes {shown(after[start:], tokenizer)}. An "
            "answer must be one token more"
        )
    raise DatasetError(f"{key}: {what}{_mended(answer, text, tokenizer)}")


def _mended(answer: str, text: str, tokenizer: Tokenizer) -> str:
    """The form of an answer that works, as advice; without one, what else can be given."""
    bare = answer.lstrip()
    forms = [
        (text, f" {bare}", "With a leading space it is one"),
        (text, bare, "Without the leading space it is one"),
    ]
    if text != text.rstrip():
        advice = "End the prompt without the space, and it is one"
        forms = [(text.rstrip(), f" {bare}", advice), (text.rstrip(), bare, advice)]
    for prompt, form, advice in forms:
        if not bare or (prompt, form) == (text, answer):
            continue
        before, after = _bare(prompt, tokenizer), _bare(prompt + form, tokenizer)
        if after[:-1] == before:
            return f". {advice}: {quoted(form)}"
    return ". Give another answer, or the id of a token"


def _bare(text: str, tokenizer: Tokenizer) -> list[int]:
    """The tokens of a text without what the tokenizer puts around it."""
    ids, added = tokenizer.encode(text), tokenizer.added
    return ids[len(added.before) : len(ids) - len(added.after)]

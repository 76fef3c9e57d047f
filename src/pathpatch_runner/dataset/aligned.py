"""Checks that every kind of dataset shares: equal lengths, different prompts, ids in range, texts
that are one token, files that are text, a number of pairs above 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pathpatch_runner.dataset.pair import Pair
from pathpatch_runner.errors import DatasetError, raise_together
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.tokenizer import Tokenizer

MOST_SHOWN = 10


def shown(ids: Sequence[int], tokenizer: Tokenizer | None) -> str:
    """Tokens as a reader can compare them: `When| Mary| and`, or the ids."""
    if tokenizer is None:
        return " ".join(str(token) for token in ids)
    return "|".join(tokenizer.token_text(token) for token in ids)


def pair_problems(
    where: str,
    clean: Sequence[int],
    corrupt: Sequence[int],
    tokenizer: Tokenizer | None,
    shape: ModelShape | None,
) -> list[DatasetError]:
    """What is wrong with the two prompts of a pair; `where` begins every message."""
    if not clean or not corrupt:
        return [DatasetError(f"{where}: a prompt is empty")]
    if len(clean) != len(corrupt):
        return [
            DatasetError(
                f"{where}: clean and corrupt must have the same number of tokens\n"
                f"  clean    {len(clean)} tokens: {shown(clean, tokenizer)}\n"
                f"  corrupt  {len(corrupt)} tokens: {shown(corrupt, tokenizer)}"
            )
        ]
    if list(clean) == list(corrupt):
        return [
            DatasetError(
                f"{where}: clean and corrupt are identical, so nothing can be patched: "
                f"{shown(clean, tokenizer)}"
            )
        ]
    return _against_model(where, [*clean, *corrupt], len(clean), shape)


def _against_model(
    where: str, ids: Sequence[int], length: int, shape: ModelShape | None
) -> list[DatasetError]:
    if shape is None:
        return []
    if length > shape.n_ctx:
        return [
            DatasetError(
                f"{where}: {length} tokens, and the model takes at most {shape.n_ctx}. Shorten it"
            )
        ]
    outside = [token for token in ids if not 0 <= token < shape.d_vocab]
    if outside:
        return [
            DatasetError(
                f"{where}: token id {outside[0]} is not in the model's vocabulary "
                f"(0 to {shape.d_vocab - 1})"
            )
        ]
    return []


def read_text(path: Path) -> str:
    """The text of a file that `dataset.path` names."""
    if not path.is_file():
        raise DatasetError(f'dataset.path: no file "{path}"')
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError(
            f'dataset.path: "{path}" is not UTF-8 text (byte {error.start}). Save it as UTF-8'
        ) from error


def asked_pairs(n_pairs: int | None) -> int:
    """The number of pairs to generate, which must be said and above 0."""
    if n_pairs is None or n_pairs < 1:
        raise DatasetError(f"dataset.n_pairs: {n_pairs} is not a number of pairs above 0")
    return n_pairs


def fits(key: str, length: int, shape: ModelShape | None) -> None:
    """Refuse prompts of a generated dataset that the model cannot take, once for all pairs."""
    if shape is not None and length > shape.n_ctx:
        raise DatasetError(
            f"dataset.{key}: prompts of {length} tokens, and the model takes at most {shape.n_ctx}"
        )


def single_token(where: str, text: str, tokenizer: Tokenizer) -> int:
    """The id of a text that must be one token. Raises DatasetError showing its tokens."""
    ids = _bare(text, tokenizer)
    if len(ids) == 1:
        return ids[0]
    hint = ""
    if text and not text.startswith(" ") and len(_bare(" " + text, tokenizer)) == 1:
        hint = f'. With a leading space it is one: "{" " + text}"'
    raise DatasetError(
        f'{where}: "{text}" is {len(ids)} tokens ({shown(ids, tokenizer)}), and must be one{hint}'
    )


def _bare(text: str, tokenizer: Tokenizer) -> list[int]:
    """Token ids of a text inside a prompt: without what the tokenizer puts around every text
    (Llama's and Gemma's begin with BOS), which is what it makes of the empty text."""
    ids, added = tokenizer.encode(text), tokenizer.encode("")
    for ahead in range(len(added), -1, -1):
        behind = len(added) - ahead
        end = len(ids) - behind
        if end >= ahead and ids[:ahead] + ids[end:] == added:
            return ids[ahead:end]
    return ids


def raise_some(problems: Sequence[DatasetError]) -> None:
    """Raise the first few problems together, and say how many more there are."""
    extra = len(problems) - MOST_SHOWN
    listed = list(problems[:MOST_SHOWN])
    if extra > 0:
        listed.append(DatasetError(f"and {extra} more of the same file"))
    raise_together(listed)


def checked(
    name: str, pairs: Sequence[Pair], tokenizer: Tokenizer | None, shape: ModelShape | None
) -> tuple[Pair, ...]:
    """Generated pairs, after the shared checks."""
    problems = [
        problem
        for pair in pairs
        for problem in pair_problems(
            f"dataset {name}, pair {pair.pair_id}", pair.clean, pair.corrupt, tokenizer, shape
        )
    ]
    raise_some(problems)
    return tuple(pairs)

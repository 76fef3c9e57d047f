"""Pairs from a file, one JSON object a line.

    {"clean": text or [ids], "corrupt": ..., "answer": text or id, "distractor": ...,
     "positions": {"S2": 10}, "targets": [[pos, answer], [pos, answer, distractor]], "id": ...}

An answer or distractor may be a list, any of which counts (see `metric`). Without `targets` the
answer is read at `end`. Negative positions count from the end. All problems of a file are reported
together, each with its line. Ids are unique: tables and noise draws name a pair by its id.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pathpatch_runner.config import JsonlDatasetConfig
from pathpatch_runner.dataset.aligned import (
    asked_pairs,
    pair_problems,
    raise_some,
    read_text,
    single_token,
)
from pathpatch_runner.dataset.pair import END, Pair, PairSet, Point
from pathpatch_runner.errors import DatasetError, did_you_mean
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.tokenizer import Tokenizer

Result = TypeVar("Result")

KEYS = ("id", "clean", "corrupt", "answer", "distractor", "positions", "targets")


def load_jsonl(
    config: JsonlDatasetConfig, tokenizer: Tokenizer | None, shape: ModelShape | None
) -> PairSet:
    """All pairs of the file, or its first `n_pairs`."""
    path = Path(config.path)
    # Not splitlines: JSON may hold U+2028 and the like inside a text.
    lines = [
        (number, line)
        for number, line in enumerate(read_text(path).split("\n"), start=1)
        if line.strip()
    ]
    if not lines:
        raise DatasetError(f'dataset.path: "{path}" holds no pairs')
    if config.n_pairs is not None and len(lines) < asked_pairs(config.n_pairs):
        raise DatasetError(
            f'dataset.n_pairs: {config.n_pairs} asked for, and "{path}" has {len(lines)}. '
            "Leave n_pairs out to take all"
        )
    pairs: list[Pair] = []
    problems: list[DatasetError] = []
    first_lines: dict[str, int] = {}
    for index, (number, line) in enumerate(lines[: config.n_pairs]):
        reader = _Line(f"{path.name}:{number}", tokenizer, shape)
        pair = reader.pair(line, str(index))
        problems += reader.problems
        if pair is None:
            continue
        pairs.append(pair)
        first = first_lines.setdefault(pair.pair_id, number)
        if first != number:
            problems.append(
                DatasetError(
                    f'{path.name}:{number}: id "{pair.pair_id}" is that of line {first} too. '
                    "Without an id a pair has its number in the file, from 0"
                )
            )
    raise_some(problems)
    return PairSet(path.stem, tuple(pairs))


def pair_of_line(
    where: str,
    line: str,
    default_id: str,
    tokenizer: Tokenizer | None,
    shape: ModelShape | None,
) -> Pair:
    """The pair of one line; `where` begins every message. Raises its first DatasetError."""
    reader = _Line(where, tokenizer, shape)
    pair = reader.pair(line, default_id)
    if pair is None:
        raise reader.problems[0]
    return pair


class _Line:
    """Reads one line; `where` begins every message, `problems` is everything found wrong."""

    def __init__(self, where: str, tokenizer: Tokenizer | None, shape: ModelShape | None) -> None:
        self.problems: list[DatasetError] = []
        self._where = where
        self._tokenizer = tokenizer
        self._shape = shape

    def pair(self, line: str, default_id: str) -> Pair | None:
        """The pair, or None and its problems noted."""
        record = self._attempt(lambda: self._record(line))
        if record is None:
            return None
        clean = self._attempt(lambda: self._prompt(record, "clean"))
        if clean is None:
            return None
        corrupt = self._attempt(lambda: self._prompt(record, "corrupt"))
        if corrupt is None:
            return None
        self.problems += pair_problems(self._where, clean, corrupt, self._tokenizer, self._shape)
        if not clean:
            return None
        positions = self._attempt(lambda: self._positions(record, len(clean)))
        points = self._attempt(lambda: self._points(record, len(clean)))
        if self.problems or positions is None or points is None:
            return None
        return Pair(str(record.get("id", default_id)), clean, corrupt, points, positions)

    def _attempt(self, step: Callable[[], Result]) -> Result | None:
        try:
            return step()
        except DatasetError as problem:
            self.problems.append(problem)
            return None

    def _fail(self, what: str) -> DatasetError:
        return DatasetError(f"{self._where}: {what}")

    def _record(self, line: str) -> dict[str, Any]:
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise self._fail(f"not JSON: {error}") from error
        if not isinstance(record, dict):
            raise self._fail("not a JSON object")
        for key in record:
            if key not in KEYS:
                raise self._fail(
                    f'unknown key "{key}".{did_you_mean(key, KEYS)} Allowed: {", ".join(KEYS)}'
                )
        for key in ("clean", "corrupt"):
            if key not in record:
                raise self._fail(f'lacks "{key}"')
        return record

    def _positions(self, record: dict[str, Any], length: int) -> dict[str, int]:
        said = record.get("positions", {})
        if not isinstance(said, dict):
            raise self._fail('"positions" must be an object of names and positions')
        positions = {
            name: self._position(f'positions "{name}"', value, length)
            for name, value in said.items()
        }
        if positions.setdefault(END, length - 1) != length - 1:
            raise self._fail(
                f'positions "{END}": {said[END]} is not the last position ({length - 1}), which '
                f'"{END}" always is. Use another name'
            )
        return positions

    def _prompt(self, record: dict[str, Any], key: str) -> tuple[int, ...]:
        value = record[key]
        if isinstance(value, str):
            if self._tokenizer is None:
                raise self._fail(
                    f'"{key}" is text, and the model has no tokenizer. Give token ids, or '
                    "model.tokenizer"
                )
            return tuple(self._tokenizer.encode(value))
        if isinstance(value, list) and all(_is_int(token) for token in value):
            return tuple(value)
        raise self._fail(f'"{key}" must be text or a list of token ids')

    def _tokens(self, key: str, value: Any) -> tuple[int, ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            return (self._token(key, value),)
        if not value:
            raise self._fail(f'"{key}" is an empty list. Name one or more, or leave it out')
        tokens = tuple(self._token(key, one) for one in value)
        twice = [one for one, token in zip(value, tokens, strict=True) if tokens.count(token) > 1]
        if twice:
            raise self._fail(f'"{key}" names {json.dumps(twice[0])} twice')
        return tokens

    def _token(self, key: str, value: Any) -> int:
        if isinstance(value, str):
            if self._tokenizer is None:
                raise self._fail(f'"{key}" is text, and the model has no tokenizer. Give its id')
            return single_token(f'{self._where}: "{key}"', value, self._tokenizer)
        if not _is_int(value):
            raise self._fail(f'"{key}" must be text or a token id, not {json.dumps(value)}')
        if self._shape is not None and not 0 <= value < self._shape.n_logits:
            raise self._fail(
                f'"{key}": token id {value} is not among the model\'s logits '
                f"(0 to {self._shape.n_logits - 1})"
            )
        return int(value)

    def _position(self, key: str, value: Any, length: int) -> int:
        if not _is_int(value) or not -length <= value < length:
            raise self._fail(
                f"{key}: {json.dumps(value)} is not a position of a prompt of {length} tokens "
                f"(0 to {length - 1}, or negative from the end)"
            )
        return int(value) % length

    def _points(self, record: dict[str, Any], length: int) -> tuple[Point, ...]:
        if "targets" not in record:
            answers = self._tokens("answer", record.get("answer"))
            distractors = self._tokens("distractor", record.get("distractor"))
            return (Point(length - 1, answers, distractors),)
        targets = record["targets"]
        if not isinstance(targets, list) or not targets:
            raise self._fail('"targets" must be a list of [position, answer] with one or more')
        if "answer" in record or "distractor" in record:
            raise self._fail('give "targets", or "answer" and "distractor", not both')
        points = [self._target(target, length) for target in targets]
        seen = [point.position for point in points]
        if len(set(seen)) != len(seen):
            raise self._fail('"targets" names a position twice')
        return tuple(points)

    def _target(self, target: Any, length: int) -> Point:
        if not isinstance(target, list) or len(target) not in (2, 3):
            raise self._fail(
                f"a target is [position, answer] or [position, answer, distractor], not "
                f"{json.dumps(target)}"
            )
        position = self._position("targets", target[0], length)
        tokens = [self._tokens("targets", value) for value in target[1:]]
        return Point(position, *tokens)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

"""The form of a record that somebody wrote: a mapping, as a line of JSONL or a dict in Python.

    {"clean": text or [ids], "corrupt": ..., "answer": text or id, "distractor": ...,
     "positions": {"S2": 10}, "targets": [[pos, answer], [pos, answer, distractor]], "id": ...}

An answer or a distractor may be a list, any of which counts (see `metric`). Without `targets` the
answer is read at `end`. Only the form is looked at here, and nothing is guessed: a `true` is no
token id, an `"57"` is a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pathpatch_runner.dataset.record import Prompt, Record, Target, Token
from pathpatch_runner.errors import DatasetError, PathPatchError, Problems, did_you_mean

KEYS = ("id", "clean", "corrupt", "answer", "distractor", "positions", "targets")
NEEDED = ("clean", "corrupt")
MOST_SHOWN = 80


def record_of(where: str, data: Any) -> Record | PathPatchError:
    """The record of a mapping, or what is wrong with its form."""
    if not isinstance(data, Mapping):
        return DatasetError(f"{where}: not a JSON object")
    problems = [DatasetError(f"{where}: {what}") for what in _problems(data)]
    if problems:
        return problems[0] if len(problems) == 1 else Problems(problems)
    return Record(
        where,
        clean=_prompt(data["clean"]),
        corrupt=_prompt(data["corrupt"]),
        targets=_targets(data),
        positions=dict(data.get("positions", {})),
        pair_id=str(data["id"]) if "id" in data else None,
    )


def is_id(value: Any) -> bool:
    """Whether a value can be a token id or a position: an int, and not `True`."""
    return isinstance(value, int) and not isinstance(value, bool)


def quoted(value: Any) -> str:
    """A value as messages show it: as JSON, and short."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


def _problems(data: Mapping[Any, Any]) -> Iterator[str]:
    for key in data:
        if key not in KEYS:
            near = did_you_mean(str(key), KEYS)
            yield f"unknown key {quoted(str(key))}.{near} Allowed: {', '.join(KEYS)}"
    for key in NEEDED:
        if key not in data:
            yield f'lacks "{key}"'
        elif not _is_prompt(data[key]):
            yield f'"{key}" must be text or a list of token ids, not {quoted(data[key])}'
    for key in ("answer", "distractor"):
        if key in data:
            yield from _bad_tokens(f'"{key}"', data[key])
    if "id" in data and not (is_id(data["id"]) or isinstance(data["id"], str)):
        yield f'"id" must be text or a whole number, not {quoted(data["id"])}'
    yield from _bad_positions(data.get("positions", {}))
    if "targets" in data:
        yield from _bad_targets(data)


def _bad_positions(positions: Any) -> Iterator[str]:
    if not isinstance(positions, Mapping):
        yield f'"positions" must be an object of names and positions, not {quoted(positions)}'
        return
    for name, position in positions.items():
        if not isinstance(name, str) or not name:
            yield f'"positions": {quoted(name)} cannot name a position. A name is text'
        elif not is_id(position):
            yield f'positions "{name}": {quoted(position)} is not a position (a whole number)'


def _bad_targets(data: Mapping[str, Any]) -> Iterator[str]:
    targets = data["targets"]
    if not isinstance(targets, list | tuple) or not targets:
        yield '"targets" must be a list of [position, answer] with one or more'
        return
    if "answer" in data or "distractor" in data:
        yield 'give "targets", or "answer" and "distractor", not both'
    for target in targets:
        if not isinstance(target, list | tuple) or len(target) not in (2, 3):
            yield (
                "a target is [position, answer] or [position, answer, distractor], not "
                f"{quoted(target)}"
            )
            continue
        if not is_id(target[0]):
            yield f"targets: {quoted(target[0])} is not a position (a whole number)"
        for value in target[1:]:
            yield from _bad_tokens('"targets"', value)


def _bad_tokens(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple) and not value:
        yield f"{key} is an empty list. Name one or more, or leave it out"
    for one in _listed(value):
        if one is None:
            yield f"{key} is null. Leave it out where there is none"
        elif not (is_id(one) or isinstance(one, str)):
            yield f"{key} must be text or a token id, or a list of these, not {quoted(one)}"


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _is_prompt(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(is_id(token) for token in value)
    return isinstance(value, str)


def _prompt(value: Any) -> Prompt:
    return value if isinstance(value, str) else tuple(value)


def _targets(data: Mapping[str, Any]) -> tuple[Target, ...]:
    if "targets" in data:
        return tuple(_target(*target) for target in data["targets"])
    answers, distractors = (
        _tokens(data[key]) if key in data else () for key in ("answer", "distractor")
    )
    return (Target(-1, answers, distractors),)


def _target(position: int, answers: Any, distractors: Any = ()) -> Target:
    return Target(position, _tokens(answers), _tokens(distractors))


def _tokens(value: Any) -> tuple[Token, ...]:
    return _listed(value)

"""Pairs from AutoCircuit's prompt files.

    {"prompts": [{"clean": text or [ids], "corrupt": ..., "answers": [...],
                  "wrong_answers": [...]}],
     "word_idxs": {"S2": 10}, "seq_labels": [...]}

Any of a prompt's answers counts (see `metric`: logits averaged over them, as AutoCircuit does,
probabilities summed). `word_idxs` become named positions
(AutoCircuit counts them without the token it may put in front; none is put in front here).
`seq_labels` only label its drawings. The answer is read at `end`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pathpatch_runner.config import AutocircuitDatasetConfig
from pathpatch_runner.dataset.aligned import raise_some
from pathpatch_runner.dataset.jsonl import pair_of_line
from pathpatch_runner.dataset.pair import Pair, PairSet
from pathpatch_runner.errors import DatasetError, did_you_mean
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.tokenizer import Tokenizer

KEYS = ("clean", "corrupt", "answers", "wrong_answers")


def load_autocircuit(
    config: AutocircuitDatasetConfig, tokenizer: Tokenizer | None, shape: ModelShape | None
) -> PairSet:
    """All pairs of the file, or its first `n_pairs`. Raises DatasetError with all problems."""
    path = Path(config.path)
    data = _read(path)
    prompts = data["prompts"]
    if config.n_pairs is not None and len(prompts) < config.n_pairs:
        raise DatasetError(
            f'dataset.n_pairs: {config.n_pairs} asked for, and "{path}" has {len(prompts)}. '
            "Leave n_pairs out to take all"
        )
    positions = data.get("word_idxs") or {}
    pairs: list[Pair] = []
    problems: list[DatasetError] = []
    for number, prompt in enumerate(prompts[: config.n_pairs]):
        where = f"{path.name}, prompt {number}"
        try:
            line = json.dumps({**_record(where, prompt), "positions": positions})
            pairs.append(pair_of_line(where, line, str(number), tokenizer, shape))
        except DatasetError as problem:
            problems.append(problem)
    raise_some(problems)
    return PairSet(path.stem, tuple(pairs))


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise DatasetError(f'dataset.path: no file "{path}"')
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DatasetError(f'dataset.path: "{path}" is not JSON: {error}') from error
    prompts = data.get("prompts") if isinstance(data, dict) else None
    if not isinstance(prompts, list) or not prompts:
        raise DatasetError(
            f'dataset.path: "{path}" is not an AutoCircuit prompt file: it has no list "prompts" '
            "with one or more. For one JSON object a line use dataset kind jsonl"
        )
    return dict(data)


def _record(where: str, prompt: Any) -> dict[str, Any]:
    """The prompt as a line of a JSONL dataset."""
    if not isinstance(prompt, dict):
        raise DatasetError(f"{where}: not a JSON object")
    for key in prompt:
        if key not in KEYS:
            raise DatasetError(
                f'{where}: unknown key "{key}".{did_you_mean(key, KEYS)} Allowed: {", ".join(KEYS)}'
            )
    record = {key: prompt[key] for key in ("clean", "corrupt") if key in prompt}
    for name, key in (("answer", "answers"), ("distractor", "wrong_answers")):
        if key in prompt:
            record[name] = _some(f'{where}: "{key}"', prompt[key])
    return record


def _some(where: str, answers: Any) -> list[Any]:
    if not isinstance(answers, list) or not answers:
        raise DatasetError(f"{where} must be a list with one or more, as texts or token ids")
    return answers

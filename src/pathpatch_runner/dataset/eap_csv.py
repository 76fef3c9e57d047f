"""Pairs from a CSV file as EAP-IG reads them: columns clean, corrupted, and labels.

EAP-IG's IOI file labels a row with two token ids, `correct_idx` and `incorrect_idx`; the names of
all columns can be set. With `labels: tokens` a label that is a whole number is a token id, any
other is text that must be one token. With `labels: years`, for EAP-IG's greater-than file, the
answer column holds the two digits of a year: answers are the tokens of all greater ones, 00 to 99,
distractors those of all others, so that `prob_diff` is EAP-IG's metric of that name.
`answer_column: null` takes no label, for metrics that need none, such as kl. `distractor_column` is
read where the file has it. The answer is read at `end`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pathpatch_runner.config import EapCsvDatasetConfig, Labels
from pathpatch_runner.dataset.aligned import raise_some
from pathpatch_runner.dataset.jsonl import pair_of_line
from pathpatch_runner.dataset.pair import Pair, PairSet
from pathpatch_runner.errors import DatasetError, did_you_mean
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.tokenizer import Tokenizer

LAST_YEAR = 99


def load_eap_csv(
    config: EapCsvDatasetConfig, tokenizer: Tokenizer | None, shape: ModelShape | None
) -> PairSet:
    """All pairs of the file, or its first `n_pairs`. Raises DatasetError with all problems."""
    path = Path(config.path)
    columns, rows = _read(path)
    _check_columns(config, path, columns)
    if config.n_pairs is not None and len(rows) < config.n_pairs:
        raise DatasetError(
            f'dataset.n_pairs: {config.n_pairs} asked for, and "{path}" has {len(rows)}. '
            "Leave n_pairs out to take all"
        )
    pairs: list[Pair] = []
    problems: list[DatasetError] = []
    for number, row in enumerate(rows[: config.n_pairs]):
        where = f"{path.name}, row {number + 1}"
        try:
            line = json.dumps(_record(where, config, columns, row))
            pairs.append(pair_of_line(where, line, str(number), tokenizer, shape))
        except DatasetError as problem:
            problems.append(problem)
    raise_some(problems)
    return PairSet(path.stem, tuple(pairs))


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """(columns, rows) of the file."""
    if not path.is_file():
        raise DatasetError(f'dataset.path: no file "{path}"')
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        columns = list(reader.fieldnames or ())
    if not rows:
        raise DatasetError(f'dataset.path: "{path}" holds no pairs')
    return columns, rows


def _check_columns(config: EapCsvDatasetConfig, path: Path, columns: Sequence[str]) -> None:
    wanted = {
        "clean_column": config.clean_column,
        "corrupted_column": config.corrupted_column,
        "answer_column": config.answer_column,
    }
    problems = [
        DatasetError(
            f'dataset.{field}: "{path.name}" has no column "{name}".{did_you_mean(name, columns)} '
            f"It has: {', '.join(columns)}"
            + (". For no label say null" if field == "answer_column" else "")
        )
        for field, name in wanted.items()
        if name is not None and name not in columns
    ]
    raise_some(problems)


def _record(
    where: str, config: EapCsvDatasetConfig, columns: Sequence[str], row: Mapping[str, str | None]
) -> dict[str, Any]:
    """The row as a line of a JSONL dataset."""
    record: dict[str, Any] = {
        "clean": row[config.clean_column] or "",
        "corrupt": row[config.corrupted_column] or "",
    }
    if config.labels is Labels.years and config.answer_column is not None:
        return record | _greater(where, row[config.answer_column] or "")
    labels = (("answer", config.answer_column), ("distractor", config.distractor_column))
    for name, column in labels:
        if column is not None and column in columns:
            record[name] = _label(row[column] or "")
    return record


def _greater(where: str, text: str) -> dict[str, list[str]]:
    """Answers and distractors of a row whose label is a year."""
    if not (text.strip().isdecimal() and 0 <= int(text) < LAST_YEAR):
        raise DatasetError(
            f'{where}: label "{text}" is not the two digits of a year below {LAST_YEAR}. For '
            "labels that are tokens say dataset.labels=tokens"
        )
    years = [f"{year:02d}" for year in range(LAST_YEAR + 1)]
    return {"answer": years[int(text) + 1 :], "distractor": years[: int(text) + 1]}


def _label(text: str) -> str | int:
    try:
        return int(text)
    except ValueError:
        return text

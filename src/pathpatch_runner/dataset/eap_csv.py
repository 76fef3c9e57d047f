"""Pairs from a CSV file as EAP-IG reads them: columns clean, corrupted, and labels.

The names of all columns can be set. `labels` says what the answer and the distractor column hold,
since a cell alone does not: `57` may be a token id, a text, or a year.

- `ids`: token ids, as in EAP-IG's IOI file (`correct_idx`, `incorrect_idx`); `[1, 2]` for several;
- `texts`: the text that follows the prompt, spaces kept; `[" a", " b"]` (JSON) for several;
- `years`, for EAP-IG's greater-than file: the answer column holds the two digits of a year; answers
  are the tokens of all greater ones, 00 to 99, distractors those of all others, so that `prob_diff`
  is EAP-IG's metric of that name. Its tokens are those of the digits alone, as EAP-IG takes them;
- `auto`, the default: `ids` where the answer column is called `..._idx` (an index into the
  vocabulary: EAP-IG's own naming). For any other name it must be said.

`answer_column: null` takes no label, for metrics that need none, such as kl. `distractor_column` is
read where the file has it. The answer is read at `end`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from pathpatch_runner.config import DatasetConfig, file_field
from pathpatch_runner.dataset.kind import Context, DatasetKind
from pathpatch_runner.dataset.labels import LABELS, Label
from pathpatch_runner.dataset.record import Record, Target
from pathpatch_runner.errors import DatasetError, PathPatchError, did_you_mean, raise_together
from pathpatch_runner.reading import read_text


class Labels(Enum):
    """What the labels of an EAP-IG file are."""

    auto = "auto"
    ids = "ids"
    texts = "texts"
    years = "years"


MOST_COLUMNS = 1000


@dataclass
class EapCsvDatasetConfig(DatasetConfig):
    """EAP-IG's CSV. `labels`: token ids (`ids`), texts of one token (`texts`), two digits of a
    year, all greater ones being answers (`years`), or `auto`: ids where the answer column is
    called `..._idx`. `answer_column` null: none."""

    kind: str = "eap_csv"
    path: str = file_field()
    clean_column: str = "clean"
    corrupted_column: str = "corrupted"
    answer_column: str | None = "correct_idx"
    distractor_column: str | None = "incorrect_idx"
    labels: Labels = Labels.auto


@dataclass(frozen=True)
class _Row:
    where: str
    cells: tuple[str, ...]


class EapCsv(DatasetKind):
    """Rows whose cells are all empty are left out; `where` of a record is `file:line`."""

    Config = EapCsvDatasetConfig
    told_by_files = True

    def records(self, context: Context) -> Iterator[Record | PathPatchError]:
        """One record for each row below the header."""
        rows = self._rows()
        header = next(rows, None)
        if header is None:
            return
        columns = header.cells
        self._check_columns(columns)
        label = self._label(context)
        for row in rows:
            if len(row.cells) != len(columns):
                yield DatasetError(
                    f"{row.where}: {len(row.cells)} fields, and the header names {len(columns)}. "
                    "A field with a comma in it is put in double quotes"
                )
                continue
            try:
                yield self._record(row.where, dict(zip(columns, row.cells, strict=True)), label)
            except DatasetError as problem:
                yield DatasetError(f"{row.where}: {problem}")

    def _rows(self) -> Iterator[_Row]:
        file, line = self.path.name, 0
        text = read_text(self.path, "dataset.path", DatasetError)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            for cells in reader:
                if any(cells):
                    yield _Row(f"{file}:{line + 1}", tuple(cells))
                line = reader.line_num
        except csv.Error as problem:
            raise DatasetError(f"{file}:{line + 1}: not CSV: {problem}") from problem

    def _check_columns(self, columns: Sequence[str]) -> None:
        config, file = self.config, self.path.name
        if len(columns) > MOST_COLUMNS:
            what = f"{file}:1: {len(columns):,} columns, and {MOST_COLUMNS:,} at most are read"
            raise DatasetError(f"{what}. Is it a table with a header?")
        twice = {name for name in columns if name and columns.count(name) > 1}
        problems = [
            DatasetError(f'{file}:1: the column "{name}" stands twice. Rename one of them')
            for name in sorted(twice)
        ]
        wanted = {
            "clean_column": config.clean_column,
            "corrupted_column": config.corrupted_column,
            "answer_column": config.answer_column,
        }
        problems += [
            DatasetError(
                f'dataset.{field}: "{file}" has no column "{name}".'
                f"{did_you_mean(name, columns)} It has: {', '.join(columns)}"
                + (". For no label say null" if field == "answer_column" else "")
            )
            for field, name in wanted.items()
            if name is not None and name not in columns
        ]
        raise_together(problems)

    def _label(self, context: Context) -> Label:
        """How a cell of the answer column is read."""
        answers = self.config.answer_column
        said = self.config.labels.value
        if said == "auto":
            if answers is not None and not answers.endswith("_idx"):
                raise DatasetError(
                    f'dataset.labels: say what the column "{answers}" holds: ids, texts or years. '
                    "Only columns called ..._idx hold token ids without saying"
                )
            said = "ids"
        return LABELS[said](context.tokenizer)

    def _record(self, where: str, row: dict[str, str], label: Label) -> Record:
        config = self.config
        answers: tuple[int | str, ...] = ()
        distractors: tuple[int | str, ...] = ()
        if config.answer_column is not None:
            answers, distractors = label.answer(row[config.answer_column])
        if config.distractor_column in row and not distractors:
            distractors = label.distractor(row[config.distractor_column])
        return Record(
            where,
            clean=row[config.clean_column],
            corrupt=row[config.corrupted_column],
            targets=(Target(-1, answers, distractors),),
        )

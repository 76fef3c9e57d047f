"""Pairs from a file, one JSON object a line; the keys are those of `form`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pathpatch_runner.config import DatasetConfig, file_field
from pathpatch_runner.dataset.form import record_of
from pathpatch_runner.dataset.kind import Context, DatasetKind
from pathpatch_runner.dataset.record import Record
from pathpatch_runner.errors import DatasetError, PathPatchError
from pathpatch_runner.reading import numbered_lines, parse_json, read_text


@dataclass
class JsonlDatasetConfig(DatasetConfig):
    """One JSON object a line: clean, corrupt, answer, distractor (each one or a list),
    positions, targets, id."""

    kind: str = "jsonl"
    path: str = file_field()


class Jsonl(DatasetKind):
    """Lines that are blank are left out; `where` of a record is `file:line`."""

    Config = JsonlDatasetConfig
    told_by_files = True

    def records(self, context: Context) -> Iterator[Record | PathPatchError]:  # noqa: ARG002 - asks nothing of the model
        """One record for each line that is not blank."""
        file = self.path.name
        for number, line in numbered_lines(read_text(self.path, "dataset.path", DatasetError)):
            try:
                data = parse_json(line, file, DatasetError, first_line=number)
            except DatasetError as problem:
                yield problem
            else:
                yield record_of(f"{file}:{number}", data)

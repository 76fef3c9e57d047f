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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pathpatch_runner.config import DatasetConfig, file_field
from pathpatch_runner.dataset.form import record_of
from pathpatch_runner.dataset.kind import Context, DatasetKind
from pathpatch_runner.dataset.record import Record
from pathpatch_runner.errors import DatasetError, PathPatchError, unknown_key
from pathpatch_runner.reading import parse_json, read_text

KEYS = {
    "clean": "clean",
    "corrupt": "corrupt",
    "answers": "answer",
    "wrong_answers": "distractor",
}
"""AutoCircuit's key -> ours."""


@dataclass
class AutocircuitDatasetConfig(DatasetConfig):
    """AutoCircuit's prompt JSON. Any of a prompt's answers counts."""

    kind: str = "autocircuit"
    path: str = file_field()


class Autocircuit(DatasetKind):
    """`where` of a record is the number of the prompt, from 0: a file is often one line."""

    Config = AutocircuitDatasetConfig
    told_by_files = True

    def records(self, context: Context) -> Iterator[Record | PathPatchError]:  # noqa: ARG002 - asks nothing of the model
        """One record for each prompt."""
        file = self.path.name
        data = parse_json(read_text(self.path, "dataset.path", DatasetError), file, DatasetError)
        prompts = data.get("prompts") if isinstance(data, dict) else None
        if not isinstance(prompts, list):
            raise DatasetError(
                f'dataset.path: "{self.path}" is not an AutoCircuit prompt file: it has no list '
                '"prompts". For one JSON object a line use dataset kind jsonl'
            )
        positions = data.get("word_idxs", {})
        for number, prompt in enumerate(prompts):
            yield _record(f"{file}, prompt {number}", prompt, positions)


def _record(where: str, prompt: Any, positions: Any) -> Record | PathPatchError:
    if not isinstance(prompt, Mapping):
        return DatasetError(f"{where}: not a JSON object")
    for key in prompt:
        if key not in KEYS:
            return DatasetError(unknown_key(where, key, KEYS))
    for key in ("answers", "wrong_answers"):
        if key in prompt and not (isinstance(prompt[key], list) and prompt[key]):
            return DatasetError(
                f'{where}: "{key}" must be a list with one or more, as texts or token ids'
            )
    renamed = {KEYS[key]: value for key, value in prompt.items()}
    return record_of(where, {**renamed, "positions": positions})

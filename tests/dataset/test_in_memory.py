"""Pairs that Python code has already go through the same checks as those of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pathpatch_runner.config import to_plain
from pathpatch_runner.dataset import Pair, Point, load_dataset
from pathpatch_runner.dataset.in_memory import InMemoryDatasetConfig
from pathpatch_runner.dataset.jsonl import JsonlDatasetConfig
from pathpatch_runner.errors import PathPatchError

RECORDS: list[Any] = [
    {"clean": [1, 2, 3], "corrupt": [1, 4, 3], "answer": 5, "positions": {"S": 1}},
    {"clean": [1, 2], "corrupt": [4, 2], "targets": [[-1, [5, 6], 7]], "positions": {"S": 0}},
]


def test_dicts_are_as_lines_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, RECORDS)))
    of_file = load_dataset(JsonlDatasetConfig(path=str(tmp_path / "p.jsonl")), None, None, 0)
    in_memory = load_dataset(InMemoryDatasetConfig(pairs=RECORDS), None, None, 0)
    assert in_memory.pairs == of_file.pairs
    assert in_memory.digest == of_file.digest
    assert in_memory.name == "in_memory"


def test_pairs_come_back_as_they_are() -> None:
    pairs = load_dataset(InMemoryDatasetConfig(pairs=RECORDS, name="mine"), None, None, 0)
    again = load_dataset(InMemoryDatasetConfig(pairs=list(pairs.pairs)), None, None, 0)
    assert (pairs.name, again.pairs) == ("mine", pairs.pairs)


def test_arrays_and_tensors_are_ids() -> None:
    record = {
        "clean": torch.tensor([1, 2]),
        "corrupt": np.array([1, 3]),
        "answer": np.int64(4),
    }
    (pair,) = load_dataset(InMemoryDatasetConfig(pairs=[record]), None, None, 0).pairs
    assert pair == Pair("0", (1, 2), (1, 3), (Point(1, (4,)),), {"end": 1})
    # What the run key is made of is JSON.
    plain = json.dumps(to_plain(InMemoryDatasetConfig(pairs=[record])))
    assert json.loads(plain)["pairs"] == [{"clean": [1, 2], "corrupt": [1, 3], "answer": 4}]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], 'dataset.pairs: "in_memory" holds no pairs'),
        ([("a", "b")], "pairs[0]: must be a Pair or a dict with clean and corrupt, not a tuple"),
        ([{"clean": [1], "corrupt": [1, 2]}], "pairs[0]: clean and corrupt must have the same"),
        ([{**RECORDS[0], 3: 1}], 'pairs[0]: unknown key "3". Allowed: id, clean'),
        (
            [{**RECORDS[0], "positions": {1: 1}}],
            'pairs[0]: "positions": 1 cannot name a position. A name is text',
        ),
        (
            [Pair("p", (1, 2), (1, 3), (Point(2),), {})],
            "pairs[0]: targets: 2 is not a position of a prompt of 2 tokens",
        ),
        (
            [
                Pair("p", (1, 2), (1, 3), (Point(1),), {}),
                Pair("p", (1, 2), (1, 4), (Point(1),), {}),
            ],
            'pairs[1]: id "p" is that of pairs[0] too.',
        ),
    ],
)
def test_mistakes(pairs: list[Any], message: str) -> None:
    with pytest.raises(PathPatchError) as caught:
        load_dataset(InMemoryDatasetConfig(pairs=pairs), None, None, 0)
    assert str(caught.value).startswith(message)

"""`manifest.json` there and back, and the part of it that is reproducible."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import replace

import pytest

from pathpatch_runner.config import Direction
from pathpatch_runner.errors import StoreError
from pathpatch_runner.store import CollectedRecord, Manifest, reproducible
from store.records import MANIFEST, PROVENANCE


def test_manifest_comes_back_as_written() -> None:
    finite = replace(MANIFEST, guards=MANIFEST.guards[:1])
    assert Manifest.from_json(finite.to_json()) == finite


def test_manifest_without_a_repository_comes_back() -> None:
    installed = replace(MANIFEST, guards=(), provenance=replace(PROVENANCE, git=None))
    assert Manifest.from_json(installed.to_json()) == installed


def test_json_has_the_names_of_the_design() -> None:
    data = json.loads(MANIFEST.to_json())
    assert " ".join(data) == (
        "format_version run_key experiment provenance guards backend counts timings left_out proof "
        "collected known"
    )
    assert data["backend"] == {"name": "hooks", "reason": "asked for"}
    assert data["counts"]["bindings_left_out"] == 1
    assert data["provenance"]["command"] == ["run.py", "experiment=toy"]
    assert data["provenance"]["git"]["dirty"] is False


def test_pairs_left_out_are_kept() -> None:
    left_out = (("pairs.jsonl:3", "a prompt is empty"),)
    kept = dataclasses.replace(MANIFEST, left_out=left_out)
    assert Manifest.from_json(kept.to_json()).left_out == left_out


def test_what_a_run_was_collected_of_is_kept() -> None:
    parts = (("1/2", "1/1", "aa"), ("2/2", "1/1", "bb"))
    record = CollectedRecord(parts, "bit for bit", 0.0)
    made = dataclasses.replace(MANIFEST, guards=(), collected=record)
    assert Manifest.from_json(made.to_json()) == made


def test_a_guard_that_is_not_a_number_is_null() -> None:
    assert json.loads(MANIFEST.to_json())["guards"][1]["value"] is None
    assert math.isnan(Manifest.from_json(MANIFEST.to_json()).guards[1].value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"format_version": 99}',
            "manifest.json has format version 99, this program reads 2. Run the experiment again",
        ),
        (
            "{}",
            "manifest.json has format version None, this program reads 2. Run the experiment again",
        ),
        (
            '{"format_version": 2}',
            "manifest.json lacks or has a wrong entry: 'run_key'. Run the experiment again",
        ),
        ("[]", "manifest.json does not hold an object. Run the experiment again"),
        (
            "{",
            "manifest.json is not JSON: Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1). Run the experiment again",
        ),
    ],
    ids=["version", "no version", "entries", "list", "broken"],
)
def test_unreadable_manifests_say_why(text: str, message: str) -> None:
    with pytest.raises(StoreError) as error:
        Manifest.from_json(text)
    assert str(error.value) == message


def test_the_reproducible_part_has_no_time_and_no_machine() -> None:
    config = {"seed": 0, "directions": [Direction.noising], "runtime": {"device": "cuda"}}
    assert reproducible("k", "toy", config, {"model": "ab"}, {"torch": "2.13.0"}) == {
        "run_key": "k",
        "experiment": "toy",
        "format_version": 2,
        "config": {"seed": 0, "directions": ["noising"]},
        "digests": {"model": "ab"},
        "versions": {"torch": "2.13.0"},
    }

"""Parts sorted by the run they are of, without any run: manifests are enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pathpatch_runner.collection.part import PartRun, named, read_part
from pathpatch_runner.collection.sort import differences, gather, why_incomplete
from pathpatch_runner.errors import StoreError
from pathpatch_runner.inputs.parts import Part
from pathpatch_runner.store import RunDirectory, run_key
from store.records import MANIFEST, PROVENANCE

DIGESTS = {"model": "ab12", "dataset": "cd34"}


def part(shard: str, bindings: str = "1/1", name: str = "", **config: Any) -> PartRun:
    """A part of a run that asks nothing; `config`: what else it says, or its `digests`."""
    one, two = (Part(*map(int, reversed(text.split("/")))) for text in (shard, bindings))
    digests = config.pop("digests", DIGESTS)
    said = {"shard": shard, "bindings": bindings, "seed": 0, "runtime": {"threads": 1}, **config}
    provenance = replace(PROVENANCE, config=said, digests=digests)
    directory = RunDirectory(Path(name or f"{shard} {bindings}".replace("/", "-")))
    return PartRun(directory, replace(MANIFEST, provenance=provenance), (one, two))


def test_each_whole_has_its_parts() -> None:
    parts = [part(f"{n}/2", seed=seed) for seed in (0, 1) for n in (1, 2)]
    wholes = gather(parts)
    assert [list(whole.parts.values()) for whole in wholes] == [parts[:2], parts[2:]]
    assert [whole.missing for whole in wholes] == [[], []]
    config = {"seed": 1, "shard": None, "bindings": None}
    assert wholes[1].whole_key == run_key(config, DIGESTS)


def test_a_grid_of_shards_and_bindings() -> None:
    (whole,) = gather([part("2/2", "1/3"), part("1/2", "3/3")])
    assert [named(cell) for cell in whole.missing] == [
        "shard=1/2 bindings=1/3",
        "shard=1/2 bindings=2/3",
        "shard=2/2 bindings=2/3",
        "shard=2/2 bindings=3/3",
    ]


def test_what_cannot_change_a_result_parts_no_run() -> None:
    (whole,) = gather([part("1/2"), part("2/2", runtime={"threads": 8}, description="more")])
    assert not whole.missing


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"digests": {**DIGESTS, "model": "ef"}}, "its digest of model is 'ef', not 'ab12'"),
        ({"digests": {**DIGESTS, "code": "new"}}, "its digest of code is 'new', not None"),
        ({"model": {"dtype": "float64"}}, "its model.dtype is 'float64', not None"),
        ({"seed": 3}, "its seed is 3, not 0"),
    ],
)
def test_what_must_not_be_added_up(other: dict[str, Any], why: str) -> None:
    first, second = part("1/2"), part("2/2", name="theirs", **other)
    whole, _ = gather([first, second])
    assert differences(second, first) == [why]
    assert why_incomplete(whole, [first, second], {"shard=2/2": "(failed: no)"}) == (
        "1 of 2 parts are missing:\n"
        "  shard=2/2 (failed: no)\n"
        f'    "theirs" is not added up: {why}\n'
        'Of this run there are 1, such as "1-2 1-1". The same command again makes what is missing'
    )


def test_parts_that_would_count_twice() -> None:
    with pytest.raises(StoreError, match=r'^shard=1/2 is there twice: "here" and "there"'):
        gather([part("1/2", name="here"), part("1/2", name="there")])
    with pytest.raises(StoreError, match=r'^"here" is shard=1/2 and "there" is shard=1/3 of the'):
        gather([part("1/2", name="here"), part("1/3", name="there")])


def test_a_part_of_another_format_version_is_not_read(tmp_path: Path) -> None:
    text = MANIFEST.to_json().replace('"format_version": 2', '"format_version": 1')
    assert text != MANIFEST.to_json()
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match="has format version 1, this program reads 2"):
        read_part(tmp_path)


def test_a_whole_run_is_no_part(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(replace(MANIFEST, guards=()).to_json())
    assert read_part(tmp_path) is None


def test_a_manifest_that_says_no_part(tmp_path: Path) -> None:
    config = {"shard": "two of three"}
    odd = replace(MANIFEST, guards=(), provenance=replace(PROVENANCE, config=config))
    (tmp_path / "manifest.json").write_text(odd.to_json())
    with pytest.raises(StoreError, match='shard: "two of three" is no part'):
        read_part(tmp_path)

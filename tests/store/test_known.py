"""What is known of path sets: taken whole and unchanged, or not at all."""

from __future__ import annotations

import dataclasses
import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pathpatch_runner.config import Direction
from pathpatch_runner.execute.units import Portion
from pathpatch_runner.store.known import FOLDER, KnownValues, key_of

PORTION = Portion(Direction.noising, 0, ("loss", "kl"), (0, 1, 2, 3), n_pairs=2)
IDS = [bytes([n]) * 16 for n in range(5)]
VALUES = np.random.default_rng(0).normal(size=(5, 2, 4))


def known(root: Path, run: str = "one", about: str = "a", **changes: Any) -> KnownValues:
    return KnownValues(root, {"about": about}, run, reads=changes.get("reads", True))


def keep(values: KnownValues, units: list[int], portion: Portion = PORTION) -> None:
    chosen = VALUES[units][:, : len(portion.metrics)][:, :, list(portion.points)]
    values.keep([IDS[unit] for unit in units], portion, chosen)


def parts(root: Path) -> list[Path]:
    return sorted((root / FOLDER).glob("*/*.part"))


def test_units_are_taken_by_another_run_bit_for_bit(tmp_path: Path) -> None:
    keep(known(tmp_path, "one"), [4, 1])
    other = known(tmp_path, "two")
    recalled = other.recall(IDS, PORTION)
    assert recalled.units.tolist() == [1, 4]
    assert recalled.values.tobytes() == VALUES[[1, 4]].tobytes()
    assert other.taken.asked == 5 * 2
    assert other.taken.by_run == {"one": 2 * 2}


@pytest.mark.parametrize(
    "change",
    [
        {"direction": Direction.denoising},
        {"draw": 1},
        {"metrics": ("loss", "accuracy")},
        {"points": (0, 1, 2, 4)},
    ],
    ids=str,
)
def test_nothing_of_another_portion_is_taken(tmp_path: Path, change: dict[str, Any]) -> None:
    keep(known(tmp_path), [0, 1, 2, 3, 4])
    portion = dataclasses.replace(PORTION, **change)
    assert not len(known(tmp_path).recall(IDS, portion).units)


def test_nothing_of_another_key_is_taken(tmp_path: Path) -> None:
    keep(known(tmp_path, about="a"), [0])
    assert not len(known(tmp_path, about="b").recall(IDS, PORTION).units)
    assert key_of({"x": 1, "y": 2}) == key_of({"y": 2, "x": 1}) != key_of({"x": 1, "y": 3})


def test_fewer_metrics_and_points_in_another_order_are_taken(tmp_path: Path) -> None:
    keep(known(tmp_path), [0, 2])
    portion = dataclasses.replace(PORTION, metrics=("kl",), points=(3, 1), n_pairs=1)
    recalled = known(tmp_path).recall(IDS, portion)
    assert recalled.units.tolist() == [0, 2]
    assert recalled.values.tolist() == VALUES[[0, 2]][:, [1]][:, :, [3, 1]].tolist()


def test_batches_may_be_cut_otherwise(tmp_path: Path) -> None:
    """Points in two batches then, in one now; of unit 1 only one batch was evaluated."""
    first = known(tmp_path)
    halves = [dataclasses.replace(PORTION, points=points) for points in ((0, 2), (1, 3))]
    keep(first, [0, 1], halves[0])
    keep(first, [0], halves[1])
    recalled = known(tmp_path).recall(IDS, PORTION)
    assert recalled.units.tolist() == [0]
    assert recalled.values.tolist() == VALUES[[0]].tolist()


def test_what_is_kept_is_known_at_once(tmp_path: Path) -> None:
    values = known(tmp_path)
    keep(values, [3])
    assert values.recall(IDS, PORTION).units.tolist() == [3]


def test_a_damaged_part_is_ignored_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = known(tmp_path)
    for unit in range(3):
        keep(first, [unit])
    head_damaged, values_damaged, _ = parts(tmp_path)
    before = known(tmp_path)
    assert before.recall(IDS, PORTION).units.tolist() == [0, 1, 2]
    for path, at in ((head_damaged, 100), (values_damaged, -3)):
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(bytes(data))
    with caplog.at_level(logging.WARNING):
        recalled = known(tmp_path).recall(IDS, PORTION)
    assert len(recalled.units) == 1
    assert (recalled.values == VALUES[recalled.units]).all()
    assert caplog.text.count("is ignored: ") == 2
    # One that was opened while it was whole finds it damaged when it reads.
    assert len(before.recall(IDS, PORTION).units) == 1


def test_joined_parts_say_the_same_and_are_fewer(tmp_path: Path) -> None:
    first = known(tmp_path, "one")
    for unit in (0, 2, 3):
        keep(first, [unit])
    keep(known(tmp_path, "two"), [4])
    first.join()
    assert [path.name.split("-")[0] for path in parts(tmp_path)] == ["one", "two"]
    recalled = known(tmp_path).recall(IDS, PORTION)
    assert recalled.units.tolist() == [0, 2, 3, 4]
    assert recalled.values.tobytes() == VALUES[[0, 2, 3, 4]].tobytes()


def test_a_part_that_another_process_has_joined_is_no_error(tmp_path: Path) -> None:
    first = known(tmp_path, "one")
    keep(first, [0])
    keep(first, [1])
    other = known(tmp_path, "two")
    first.join()
    assert not len(other.recall(IDS, PORTION).units)
    assert known(tmp_path, "two").recall(IDS, PORTION).units.tolist() == [0, 1]


def test_an_attempt_that_takes_nothing_puts_its_own_in_place(tmp_path: Path) -> None:
    keep(known(tmp_path), [0, 1])
    forced = known(tmp_path, reads=False)
    assert not len(forced.recall(IDS, PORTION).units)
    keep(forced, [2])
    forced.join()
    assert known(tmp_path).recall(IDS, PORTION).units.tolist() == [2]


def test_half_written_files_of_this_run_are_swept_and_others_left(tmp_path: Path) -> None:
    values = known(tmp_path, "one")
    keep(values, [0])
    folder = parts(tmp_path)[0].parent
    for run in ("one", "two"):
        for name in ("x.part", "about.json"):
            (folder / f".{run}-{name}.abc.partial").write_bytes(b"half")
    known(tmp_path, "one")
    left = sorted(path.name for path in folder.glob(".*"))
    assert left == [".two-about.json.abc.partial", ".two-x.part.abc.partial"]


def test_a_folder_that_cannot_be_written_to_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FOLDER).write_text("a file")
    values = known(tmp_path)
    with caplog.at_level(logging.WARNING):
        keep(values, [0])
        keep(values, [1])
    assert len(caplog.records) == 1
    assert "what is evaluated cannot be kept for another attempt" in caplog.text
    values.join()


def test_many_may_keep_at_once(tmp_path: Path) -> None:
    runs = [known(tmp_path, f"run{n}") for n in range(8)]

    def work(number: int) -> None:
        for unit in range(5):
            keep(runs[number], [unit])
        runs[number].join()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parts(tmp_path)) == 8
    recalled = known(tmp_path, "reader").recall(IDS, PORTION)
    assert recalled.values.tobytes() == VALUES.tobytes()

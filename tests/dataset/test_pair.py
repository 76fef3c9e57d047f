"""Positions, groups by length and the digest of pairs, by hand."""

from __future__ import annotations

import dataclasses

import pytest

from pathpatch_runner.dataset import Pair, PairSet, Point, group_by_length, locate
from pathpatch_runner.dataset.positions import lying_outside
from pathpatch_runner.expression.ast import Position

PAIR = Pair("p", (1, 2, 3, 4), (1, 2, 3, 5), (Point(3, (6,), (7,)),), {"S1": 1, "end": 3})


@pytest.mark.parametrize(
    ("position", "index"),
    [
        (Position("S1"), 1),
        (Position("S1", 2), 3),
        (Position("S1", 3), None),
        (Position("S1", -1), 0),
        # Before the first token, not counted from the end.
        (Position("S1", -2), None),
        (Position("end"), 3),
        (Position("IO"), None),
        (Position(None, 0), 0),
        (Position(None, 3), 3),
        (Position(None, 4), None),
        (Position(None, -1), 3),
        (Position(None, -4), 0),
        (Position(None, -5), None),
    ],
)
def test_locate(position: Position, index: int | None) -> None:
    assert locate(position, PAIR) == index


def test_positions_outside_of_some_prompts() -> None:
    short = of_length(2)
    named, index, within = Position("S1", 2), Position(None, 2), Position(None, -2)
    found = lying_outside([PAIR, short], [named, index, within])
    assert found == {named: [short], index: [short]}


def of_length(length: int) -> Pair:
    return dataclasses.replace(PAIR, clean=(1,) * length, corrupt=(2,) * length)


def test_groups_keep_every_pair_and_their_order() -> None:
    lengths = [3, 2, 3, 5, 2, 3]
    assert group_by_length([of_length(n) for n in lengths]) == [[1, 4], [0, 2, 5], [3]]
    assert group_by_length([]) == []


def test_names_that_every_pair_has() -> None:
    other = dataclasses.replace(PAIR, positions={"IO": 0, "end": 3})
    assert PairSet("d", (PAIR,)).position_names == {"S1", "end"}
    assert PairSet("d", (PAIR, other)).position_names == {"end"}


@pytest.mark.parametrize(
    "changed",
    [
        dataclasses.replace(PAIR, pair_id="q"),
        dataclasses.replace(PAIR, clean=(1, 2, 3, 6)),
        dataclasses.replace(PAIR, corrupt=(1, 2, 3, 6)),
        dataclasses.replace(PAIR, points=(Point(2, (6,), (7,)),)),
        dataclasses.replace(PAIR, points=(Point(3, (6,)),)),
        dataclasses.replace(PAIR, positions={"S1": 2, "end": 3}),
    ],
    ids=["id", "clean", "corrupt", "position", "distractor", "name"],
)
def test_digest_depends_on_everything_in_a_pair(changed: Pair) -> None:
    plain = PairSet("d", (PAIR,))
    assert PairSet("d", (changed,)).digest != plain.digest
    # Not on the set's name, nor on the order in which positions were given.
    positions = {"end": 3, "S1": 1}
    assert PairSet("e", (dataclasses.replace(PAIR, positions=positions),)).digest == plain.digest

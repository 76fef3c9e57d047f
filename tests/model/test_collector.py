"""Garbage in circles: not looked for while much is made, and found afterwards."""

from __future__ import annotations

import gc
import weakref

import pytest

from pathpatch_runner.model.collector import much_that_stays


class Circle:
    """Refers to itself: only the collector can tell that nobody needs it."""

    def __init__(self) -> None:
        self.itself = self


def collections() -> int:
    return sum(each["collections"] for each in gc.get_stats())


def test_nothing_is_looked_through_inside_and_all_is_collected_later() -> None:
    with much_that_stays():
        assert not gc.isenabled()
        before = collections()
        many = [Circle() for _ in range(10_000)]
        kept = weakref.ref(many[0])
        del many
        assert collections() == before
    assert gc.isenabled()
    # What was made inside counts as old.
    gc.collect(1)
    assert kept() is not None
    gc.collect()
    assert kept() is None


def test_it_is_left_as_it_was_found() -> None:
    gc.disable()
    try:
        with pytest.raises(KeyError), much_that_stays():
            raise KeyError
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with much_that_stays():
            pass
        assert gc.get_freeze_count() == frozen > 0
    finally:
        gc.unfreeze()

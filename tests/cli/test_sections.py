"""A section that a config has not, begun by its keys."""

from __future__ import annotations

import pytest

from pathpatch_runner import ConfigError, compose
from pathpatch_runner.cli.overrides import set_values
from pathpatch_runner.config import Direction, SearchConfig


@pytest.mark.parametrize("override", ["search={}", "+search={}"])
def test_a_search_with_its_defaults(override: str) -> None:
    assert compose("micro").search is None
    assert compose("micro", override).search == SearchConfig()


@pytest.mark.parametrize(
    "override",
    ["search.at_most=2", "++search.at_most=2", "search={at_most: 2}", "+search={at_most: 2}"],
)
def test_a_key_begins_a_search(override: str) -> None:
    assert compose("micro", override).search == SearchConfig(at_most=2)


def test_several_keys() -> None:
    found = compose("micro", "search.direction=denoising", "search.min_share=0.1").search
    assert found == SearchConfig(direction=Direction.denoising, min_share=0.1)


def test_what_an_experiment_says_of_its_search_stays() -> None:
    said = compose("find_induction").search
    assert said is not None
    found = compose("find_induction", "search.alpha=0.01").search
    assert found is not None
    assert (found.at_most, found.direction, found.alpha) == (said.at_most, said.direction, 0.01)
    assert compose("find_induction", "search={}").search == said


def test_a_search_left_out_and_begun_again_has_its_defaults() -> None:
    assert compose("find_induction", "search=null").search is None
    again = compose("find_induction", "search=null", "search.sample=9").search
    assert again == SearchConfig(sample=9)


def test_a_wrong_key_or_value_is_said() -> None:
    with pytest.raises(ConfigError, match=r'search.atmost: unknown key "atmost"'):
        compose("micro", "search.atmost=2")
    with pytest.raises(ConfigError, match=r"search.at_most: Value 'x'"):
        compose("micro", "search.at_most=x")


def test_the_tables_say_what_was_set_of_it() -> None:
    assert set_values(["search.at_most=2"]) == {"search.at_most": "2"}

"""Kinds by name."""

from __future__ import annotations

import pytest

from pathpatch_runner.errors import ConfigError
from pathpatch_runner.registry import Registry

COLOURS = Registry(
    "colour", "pathpatch_runner.no_such_group", {"ordered": "collections:OrderedDict"}
)


def test_a_built_in_kind_is_imported_when_it_is_asked_for() -> None:
    import collections

    assert COLOURS.get("ordered", "paint.colour") is collections.OrderedDict
    assert COLOURS.origin("ordered") is None


def test_an_unknown_name_says_what_is_allowed() -> None:
    with pytest.raises(ConfigError) as caught:
        COLOURS.get("orderd", "paint.colour")
    assert str(caught.value) == (
        'paint.colour: unknown colour "orderd". Did you mean "ordered"? Allowed: ordered'
    )

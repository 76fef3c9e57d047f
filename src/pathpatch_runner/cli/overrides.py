"""What the command line or the sweep set, for the tables: `seed=3` is key `seed`, text `3`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

LEFT_OUT = ("runtime", "hydra", "cluster", "tracking")
"""Sections that cannot change a result."""

_SECTION = re.compile(r"[./@]")

DELETED = "(deleted)"


def set_values(overrides: Sequence[str]) -> dict[str, str]:
    """Key -> text of the value, as it was written but without the quotes around it.

    `overrides`: of one job, in Hydra's grammar. A key that was set twice has its last value. What
    `+` and `~` do is not part of the key; a deleted key has the text "(deleted)".
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    known = {each.get_key_element().lstrip("+~"): _text(each) for each in parsed}
    return {key: text for key, text in known.items() if _SECTION.split(key)[0] not in LEFT_OUT}


def _text(override: Override) -> str:
    if override.is_delete():
        return DELETED
    value = override.value()
    if isinstance(value, str):
        return value
    return (override.input_line or "").partition("=")[2].strip()

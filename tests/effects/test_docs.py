"""The page on the tables names every column that there is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from pathpatch_runner.effects.coalitions import NAME_COLUMNS as GAME_NAMES
from pathpatch_runner.effects.coalitions import VALUE_COLUMNS as GAME_VALUES
from pathpatch_runner.effects.contrasts import NAME_COLUMNS as CONTRAST_NAMES
from pathpatch_runner.effects.contrasts import VALUE_COLUMNS as CONTRAST_VALUES
from pathpatch_runner.effects.curves_table import NAME_COLUMNS as CURVE_NAMES
from pathpatch_runner.effects.curves_table import VALUE_COLUMNS as CURVE_VALUES
from pathpatch_runner.effects.schema import Column, effects_columns, summary_columns

PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")

TABLES: dict[str, Sequence[Column]] = {
    "effects": effects_columns(),
    "summary": summary_columns(),
    "contrasts": (*CONTRAST_NAMES, *CONTRAST_VALUES),
    "shapley": (*GAME_NAMES, *GAME_VALUES),
    "curves": (*CURVE_NAMES, *CURVE_VALUES),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_named(name: str) -> None:
    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    missing = [
        column.name
        for column in TABLES[name]
        if column.name not in named
        # "with its interval" stands for both bounds.
        and not (column.name.endswith(("_ci_low", "_ci_high")) and name != "summary")
    ]
    assert not missing


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_its_section(name: str) -> None:
    assert f"\n## {name}.parquet: " in PAGE

"""The import contracts hold for every package: none is left out of a list."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
CONTRACTS = {
    contract["name"]: contract
    for contract in tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"][
        "importlinter"
    ]["contracts"]
}
ROOMS = {
    f"pathpatch_runner.{path.stem}"
    for path in (REPOSITORY / "src" / "pathpatch_runner").iterdir()
    if (path.suffix == ".py" or (path / "__init__.py").is_file()) and path.name[0] != "_"
}


def test_every_room_has_its_layer() -> None:
    layers = CONTRACTS["data flows one way"]["layers"]
    assert {room.strip() for layer in layers for room in layer.split("|")} == ROOMS


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("only cli imports hydra", "cli"), ("only model knows TransformerLens", "model")],
)
def test_what_only_one_room_may_import_is_forbidden_in_all_others(name: str, allowed: str) -> None:
    assert set(CONTRACTS[name]["source_modules"]) == ROOMS - {f"pathpatch_runner.{allowed}"}

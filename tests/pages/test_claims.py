"""What pages say of calls, extras and files, held against what is there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import pathpatch_runner as pp
from pathpatch_runner.circuit.edges import edges_of
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis.every import MOST_ROWS

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
COMING = (DOCS / "coming-from.md").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def expressions() -> Iterator[tuple[str, dict[str, object]]]:
    """Each whole expression of the tables, with the `over:` that stands beside it."""
    for row in COMING.splitlines():
        if row.startswith("| ") and (spans := re.findall("`([^`]+)`", row.split("|")[2])):
            said = [yaml.safe_load(span)["over"] for span in spans if span.startswith("over:")]
            over = {name: value for each in said for name, value in each.items()}
            for span in spans:
                if re.search(r"[-=\]]> logits(@end)?$", span) and not span.startswith("..."):
                    yield span, over


@pytest.mark.parametrize(("expression", "over"), list(expressions()))
def test_expressions_beside_calls_of_other_tools_match_paths(
    expression: str, over: dict[str, object]
) -> None:
    free = {"s": "a*.h*", "r": "a9-11.h*", "l": "r*", "x": ["a*"], "p": "all"}
    used = {name for name in free if re.search(rf"(?<![\w.]){name}(?![\w.])", expression)}
    variables = {name: over.get(name, free[name]) for name in used}
    found = pp.explain(expression, model="12x12", over=variables, n_positions=3, draw=1)
    assert found.count > 0


def test_there_are_expressions() -> None:
    assert len(list(expressions())) >= 12


def test_numbers_of_edges_are_those_of_the_models() -> None:
    sizes = {"GPT-2 small": ModelShape(12, 12, 768, 64, 50257, 1024, d_mlp=3072)}
    sizes["SmolLM2"] = ModelShape(30, 9, 576, 64, 49152, 8192, d_mlp=1536, n_key_value_heads=3)
    counts = {name: f"{len(edges_of(Graph(shape))):,}" for name, shape in sizes.items()}
    assert counts == {"GPT-2 small": "32,491", "SmolLM2": "123,211"}
    text = (DOCS / "circuits.md").read_text(encoding="utf-8")
    assert all(count in text for count in counts.values())
    first = (DOCS / "first-experiment.md").read_text(encoding="utf-8")
    assert f"all {counts['SmolLM2']} edges" in first


def test_a_row_too_many_is_refused_where_the_page_says() -> None:
    assert f"More than {MOST_ROWS:,} rows" in (DOCS / "path-language.md").read_text(
        encoding="utf-8"
    )


def test_extras_of_the_install_page_are_those_of_the_package() -> None:
    text = (DOCS / "install.md").read_text(encoding="utf-8")
    extras = " ".join(line for line in text.splitlines() if "extra" in line)
    said = set(re.findall(r"`(\w+)`", extras)) | set(re.findall(r'-e "\.\[(\w+)\]"', text))
    assert said == set(PYPROJECT["project"]["optional-dependencies"])


def test_every_public_name_is_on_the_page_of_the_api() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^::: ([\w.]+)", text, re.MULTILINE))
    for name in set(pp.__all__) - {"__version__"}:
        found = getattr(pp, name)
        where = f"{found.__module__}.{found.__qualname__}"
        assert where in shown or found.__module__ in shown, where

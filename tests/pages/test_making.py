"""What makes pages of things that are none: notebooks, and files with links of the repository."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from making.notebook import as_markdown


def notebook(*cells: Mapping[str, object]) -> str:
    return json.dumps({"cells": list(cells)})


def test_a_notebook_is_its_text_its_code_and_what_it_left() -> None:
    code = {
        "cell_type": "code",
        "source": ["one = 1\n", "one"],
        "outputs": [{"output_type": "execute_result", "data": {"text/plain": ["1"]}}],
    }
    text = notebook({"cell_type": "markdown", "source": ["# Title\n", "words"]}, code)
    assert as_markdown(text) == (
        "# Title\nwords\n\n```python\none = 1\none\n```\n\n```text\n1\n```\n"
    )


def test_a_table_takes_the_look_of_the_site_and_its_style_stays_behind() -> None:
    html = (
        '<style>td {color: red}</style>\n<table border="1" class="dataframe">\n<td>1</td></table>'
    )
    cell = {"cell_type": "code", "source": [], "outputs": [{"data": {"text/html": [html]}}]}
    page = as_markdown(notebook(cell))
    assert "<table>\n<td>1</td></table>" in page
    assert "color: red" not in page


def test_a_figure_is_an_image_with_its_words() -> None:
    svg = '<svg aria-label="what it shows"><style>svg{background:red}</style></svg>'
    cell = {"cell_type": "code", "source": [], "outputs": [{"data": {"image/svg+xml": [svg]}}]}
    page = as_markdown(notebook(cell))
    assert '<img alt="what it shows" src="data:image/svg+xml;base64,' in page
    assert "background:red" not in page


@pytest.mark.parametrize(
    "asked",
    [
        '<script src="https://cdn.example/a.js">',
        '<link rel="stylesheet" href="//fonts.example/a.css">',
        '<img alt="" src="http://example.org/a.png">',
    ],
)
def test_a_page_that_asks_another_host_is_refused(asked: str) -> None:
    hooks = pytest.importorskip("making.hooks", reason="make site installs mkdocs")
    page = SimpleNamespace(file=SimpleNamespace(src_uri="index.md"))
    with pytest.raises(Exception, match=r"index\.md asks another host"):
        hooks.on_post_page(f"<p>{asked}</p>", page=page)
    followed = '<a href="https://arxiv.org/abs/2304.05969"><img src="a.png"></a>'
    assert hooks.on_post_page(followed, page=page) == followed


@pytest.mark.parametrize(
    ("uri", "link", "expected"),
    [
        ("circuits.md", "[a](../experiments/ioi/README.md)", "[a](experiments/ioi/README.md)"),
        ("circuits.md", "[a](../README.md#speed)", "[a](index.md)"),
        ("tables.md", "[a](circuits.md)", "[a](circuits.md)"),
        ("index.md", "[a](ioi.ipynb)", "[a](ioi.md)"),
        ("experiments/ioi/README.md", "[a](../../docs/search.md)", "[a](../../search.md)"),
    ],
)
def test_links_of_the_repository_are_links_of_the_site(uri: str, link: str, expected: str) -> None:
    hooks = pytest.importorskip("making.hooks", reason="make site installs mkdocs")
    page = SimpleNamespace(file=SimpleNamespace(src_uri=uri))
    assert hooks.on_page_markdown(link, page=page) == expected

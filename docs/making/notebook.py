"""A notebook as a page: its text, its code, and what its last execution left.

Figures become images that carry themselves: put into the page as they are, their style would
reach every other picture of it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_STYLE = re.compile(r"<style.*?</style>", re.DOTALL)
_TABLE = re.compile(r"<table[^>]*>")
_ALT = re.compile(r'aria-label="([^"]*)"')


def as_markdown(notebook: str) -> str:
    """The Markdown of a notebook's JSON."""
    cells = json.loads(notebook)["cells"]
    return "\n\n".join(part for cell in cells for part in _cell(cell)) + "\n"


def _cell(cell: Mapping[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
    elif cell["cell_type"] == "code":
        yield f"```python\n{source}\n```"
        for output in cell["outputs"]:
            yield _output(output)


def _output(output: Mapping[str, Any]) -> str:
    data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
    if svg := data.get("image/svg+xml"):
        said = _ALT.search(svg)
        coded = base64.b64encode(svg.encode()).decode()
        return f'<img alt="{said[1] if said else ""}" src="data:image/svg+xml;base64,{coded}">'
    if html := data.get("text/html"):
        lines = [line.strip() for line in _TABLE.sub("<table>", _STYLE.sub("", html)).splitlines()]
        return "\n".join(['<div style="overflow-x: auto">', *filter(None, lines), "</div>"])
    text = data.get("text/plain") or "".join(output.get("text", ""))
    return f"```text\n{text}\n```"

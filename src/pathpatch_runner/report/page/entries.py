"""What an entry of a hypothesis asks, as HTML: its expressions, or in words its edges.

the best edges, by absolute eap score; sizes: the ten of MIB, .1% to 100% of all edges
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from pathpatch_runner.report.page.markup import code, name, text
from pathpatch_runner.report.text import counted

MOST_EDGES = 6
CHOSEN = {
    "top": "the best edges",
    "greedy": "from the logits, again and again the best edge into what is reached",
    "threshold": "all edges",
}


def entry_text(path: Mapping[str, Any]) -> str:
    """One entry of a composed config."""
    said = path.get("expr")
    texts = said if isinstance(said, list) else [said]
    lines = [code(each) for each in texts if isinstance(each, str) and each != "???"]
    lines += _edges(path)
    if isinstance(every := path.get("every"), Mapping):
        lines.append(_every(every))
    lines += [
        f'<span class="soft">{name(variable)} over</span> {code(node_text(values))}'
        for variable, values in (path.get("over") or {}).items()
    ]
    return "<br>".join(lines)


def node_text(value: Any) -> str:
    """Node patterns as an expression has them."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _edges(path: Mapping[str, Any]) -> Iterator[str]:
    """Of a circuit: where its edges come from, which are taken, how many."""
    edges, select, sizes = path.get("edges"), path.get("select"), path.get("sizes")
    if circuit := path.get("circuit"):
        yield f"the edges of {code(PurePath(str(circuit)).name)}"
    if isinstance(edges, list) and edges:
        shown = "<br>".join(code(each) for each in edges[:MOST_EDGES])
        more = len(edges) - MOST_EDGES
        yield shown + (f"<br>and {counted(more, 'more edge')}" if more > 0 else "")
    if isinstance(select, Mapping):
        yield _selected(select)
    if sizes:
        yield f"sizes: {_sizes(sizes)}"
    if reference := path.get("reference"):
        yield f"compared with {code(PurePath(str(reference)).name)}"


def _selected(select: Mapping[str, Any]) -> str:
    if select.get("by") == "random":
        return "edges drawn at random"
    how = str(select.get("how") or "top")
    said = CHOSEN.get(how, text(how))
    if how == "threshold" and select.get("threshold") is not None:
        said += f" of at least {text(select['threshold'])}"
    kind = "signed" if select.get("absolute") is False else "absolute"
    by = f" {name(select['by'])}" if select.get("by") else ""
    return f"{said}, by {kind}{by} score"


def _sizes(sizes: Any) -> str:
    if sizes == "mib":
        return "the ten of MIB, .1% to 100% of all edges"
    shares = sizes if isinstance(sizes, list) else [sizes]
    return ", ".join(f"{100 * share:g}%" for share in shares) + " of all edges"


def _every(every: Mapping[str, Any]) -> str:
    """All short paths."""
    between = counted(int(every.get("at_most") or 0), "node")
    through = every.get("through", "any")
    start = every.get("from", "input")
    slots = "apart" if every.get("slots") in (None, "apart") else "together"
    return (
        f"every path from {code(node_text(start))} to the logits with at most {between} between, "
        f"through {code(node_text(through))}, slots {slots}"
    )

"""Names of edges as people and other tools write them -> edges of a graph.

The canonical form is that of EAP and MIB: `input->a0.h3<v>`, `a0.h3->m1`, `m1->logits`. White space
around the arrow and the other spellings of heads that path expressions take (`9.6`, `L9H6`, `a9.6`)
are read too. Whatever is wrong with many names is told in one message for each kind of mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from pathpatch_runner.circuit.edges import Edges
from pathpatch_runner.errors import CircuitError, PathPatchError, did_you_mean

MOST_SHOWN = 10
"""Names that a message shows; the error itself holds all of them."""

MOST_LONG = 200
"""Characters of the name of an edge."""
_EDGE = re.compile(r"\s*(?P<writer>[\w.]+)\s*->\s*(?P<reader>[\w.]+)\s*(?:<(?P<slot>[^<>]*)>)?\s*")
_HEAD = re.compile(r"(?:a(\d+)\.h?(\d+)|(\d+)\.(\d+)|L(\d+)H(\d+))")


class Mistake(Enum):
    """Kinds of wrong edges; the value follows the count: `3 edges are not in this model`."""

    unknown = "not in this model"
    backwards = "against the order of the model"


@dataclass(frozen=True)
class Wrong:
    """An edge that the graph does not have."""

    name: str
    mistake: Mistake
    reason: str


def find_edge(name: str, edges: Edges) -> int | Wrong:
    """The number of the edge of that name, or why there is none."""
    number = edges.index.get(name)
    return _find(name, edges) if number is None else number


def _find(name: str, edges: Edges) -> int | Wrong:
    match = _EDGE.fullmatch(name) if len(name) <= MOST_LONG else None
    if match is None:
        name = name if len(name) <= MOST_LONG else f"{name[:MOST_LONG]}..."
        return Wrong(name, Mistake.unknown, "write writer->reader<slot>: a0.h3->a1.h9<k>")
    graph = edges.graph
    writer, reader = (_canonical(match[part]) for part in ("writer", "reader"))
    for node in (writer, reader):
        if node not in graph.index:
            near = did_you_mean(node, graph.index)
            return Wrong(name, Mistake.unknown, f'no node "{node}"{near and "." + near}')
    if graph.stage_of[graph.index[writer]] >= graph.stage_of[graph.index[reader]]:
        return Wrong(name, Mistake.backwards, "")
    slots = graph.nodes[graph.index[reader]].slots
    slot = match["slot"]
    if slot is None and slots != ("",):
        choices = ", ".join(f"{reader}<{one}>" for one in slots)
        return Wrong(name, Mistake.unknown, f"{reader} reads through slots: write {choices}")
    if slot is not None and slot not in slots:
        has = "no slots" if slots == ("",) else f"the slots {', '.join(slots)}"
        return Wrong(name, Mistake.unknown, f"{reader} has {has}")
    return edges.index[f"{writer}->{reader}" + (f"<{slot}>" if slot else "")]


def _canonical(node: str) -> str:
    match = _HEAD.fullmatch(node)
    if match is None:
        return node
    layer, head = (int(part) for part in match.groups() if part is not None)
    return f"a{layer}.h{head}"


def wrong_edges(found: Sequence[Wrong], where: str) -> list[PathPatchError]:
    """One problem for each kind of mistake."""
    problems: list[PathPatchError] = []
    for mistake in Mistake:
        these = [wrong for wrong in found if wrong.mistake is mistake]
        if these:
            shown = [f'"{one.name}"' + (one.reason and f" ({one.reason})") for one in these]
            verb = "edge is" if len(these) == 1 else "edges are"
            hint = (
                "" if mistake is Mistake.unknown else ". A node reads only what earlier ones wrote"
            )
            text = f"{where}: {len(these):,} {verb} {mistake.value}: {listed(shown)}{hint}"
            problems.append(CircuitError(text, [one.name for one in these]))
    return problems


def twice(names: Iterable[str], where: str) -> list[PathPatchError]:
    """The problem of names that stand twice, if any do."""
    seen: set[str] = set()
    again: dict[str, None] = {}
    for name in names:
        if name in seen:
            again[name] = None
        seen.add(name)
    if not again:
        return []
    many = "1 edge stands" if len(again) == 1 else f"{len(again):,} edges stand"
    return [CircuitError(f"{where}: {many} there twice: {listed(list(again))}", list(again))]


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - MOST_SHOWN
    return ", ".join(names[:MOST_SHOWN]) + (f" and {rest:,} more" if rest > 0 else "")

"""Where nodes stand in a figure: a layer and a column for each name.

The grid of a model has a line a layer; its columns are the heads, then the MLP. `input` and
`logits` stand in no layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

NODE = re.compile(r"^(?:a(?P<attention>\d+)(?:\.h(?P<head>\d+))?|m(?P<mlp>\d+)|input|logits)$")
SLOTS = ("q", "k", "v")
MLP, WHOLE = "MLP", "attn"
"""Columns of an MLP, and of the attention of a layer whose heads are one node."""


@dataclass(frozen=True)
class Cell:
    """`column`: "h3", MLP or WHOLE."""

    layer: int
    column: str


def is_node(name: object) -> bool:
    """Whether it is the canonical name of a node."""
    return isinstance(name, str) and NODE.match(name) is not None


def cell_of(name: str) -> Cell | None:
    """None for `input` and `logits`, which are in no layer, and for what is not a node."""
    match = NODE.match(name)
    if match is None or name in ("input", "logits"):
        return None
    if match["mlp"] is not None:
        return Cell(int(match["mlp"]), MLP)
    head = match["head"]
    return Cell(int(match["attention"]), WHOLE if head is None else f"h{head}")


def column_order(columns: Iterable[str]) -> list[str]:
    """Heads by number, then what is one a layer."""

    def place(column: str) -> tuple[int, int]:
        if column.startswith("h"):
            return 0, int(column[1:])
        return (1, 0) if column == WHOLE else (2, 0)

    return sorted(set(columns), key=place)


def in_order(names: Iterable[str]) -> list[str]:
    """Distinct values of a variable: nodes from `input` upwards, slots q, k, v, anything else
    as it comes."""
    distinct = list(dict.fromkeys(names))
    if all(map(is_node, distinct)):
        return sorted(distinct, key=_height)
    if set(distinct) <= set(SLOTS):
        return sorted(distinct, key=SLOTS.index)
    return distinct


def _height(name: str) -> tuple[int, int, int]:
    """Sorts nodes as the stream meets them; the MLP of a layer after its heads."""
    cell = cell_of(name)
    if cell is None:
        return (-1 if name == "input" else 10**9), 0, 0
    head = cell.column.removeprefix("h")
    return cell.layer, int(cell.column == MLP), int(head) if head.isdigit() else 0

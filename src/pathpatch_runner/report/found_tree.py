"""What a search found, as a tree: the tail of a path, and under it what continues it backwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from pathpatch_runner.report.rows import rows_of
from pathpatch_runner.report.text import number, percent, visible

PRUNED = "pruned"
MOST_BRANCHES = 60
MOST_TOKENS = 2
"""Tokens of either kind that a row of a tree names; the table has more."""


@dataclass(frozen=True)
class Branch:
    """A row of `found.parquet` that passed; `step`: what stands before the rest of its path."""

    row: Mapping[str, Any]
    step: str
    children: tuple[Branch, ...]


def branches(table: pa.Table, most: int) -> tuple[tuple[Branch, ...], int]:
    """(the trees of up to `most` rows that passed, how many were left out). A row whose parent is
    none of them stands by itself."""
    passed = [row for row in rows_of(table) if row.get("status") != PRUNED]
    shown = passed[:most]
    paths = {str(row["path"]) for row in shown}
    children: dict[str, list[Mapping[str, Any]]] = {}
    for row in shown:
        parent = row["parent"] if "parent" in row else _tail(str(row["path"]), paths)
        children.setdefault(parent if parent in paths else "", []).append(row)
    return _under("", children), len(passed) - len(shown)


def _tail(path: str, paths: set[str]) -> str:
    """The longest tail of the path that was found too; "" for none."""
    rest = path
    while "->" in rest:
        rest = rest.partition("->")[2].strip()
        if rest in paths:
            return rest
    return ""


def _under(parent: str, children: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[Branch, ...]:
    return tuple(
        Branch(row, str(row["path"]).partition("->")[0], _under(str(row["path"]), children))
        for row in children.get(parent, ())
    )


def said(row: Mapping[str, Any]) -> tuple[str, str]:
    """(effect, share of the total effect) as texts; "" where there is none."""
    share = row.get("normalised_effect", row.get("share"))
    effect = number(row.get("effect_mean", row.get("effect")))
    return effect, "" if share is None else percent(share)


def carries(row: Mapping[str, Any]) -> str:
    """The tokens that the row's last write raises and lowers most: `raises " Mary", lowers " he"`;
    "" where the table does not say."""
    parts = []
    for what in ("raises", "lowers"):
        tokens = [f'"{visible(token)}"' for token in (row.get(what) or ())[:MOST_TOKENS]]
        parts += [f"{what} {', '.join(tokens)}"] if tokens else []
    return ", ".join(parts)


def print_found(table: pa.Table, about: Mapping[str, Any], console: Console) -> None:
    """The tree in the terminal. `about`: search.json."""
    shown, left = branches(table, MOST_BRANCHES)
    tree = Tree(Text("logits", style="bold"))
    for branch in shown:
        _grow(tree, branch)
    console.print(Text("\nfound, on the pairs that chose nothing (effect, of total)", "bold"))
    console.print(tree)
    if left:
        console.print(Text(f"and {left:,} more in found.parquet", style="dim"))
    for line in sentences(about):
        console.print(Text(line))


def sentences(about: Mapping[str, Any]) -> list[str]:
    """What search.json says."""
    found = (
        f"{about['paths']} paths from the input found, {about['confirmed']} of them significant on "
        "pairs that chose nothing"
        if about["paths"]
        else "no path found as far as the input"
    )
    lines = [
        f"{found}; {about['open']} stubs left open; {about['evaluations']:,} path sets evaluated"
    ]
    rest = about.get("unexamined")
    if rest:
        lines.append(
            f"of {rest['sampled']} random paths among the {int(rest['paths']):,} not evaluated "
            f"{rest['exceeding']} reach min_share: at most {rest['share_at_most']:.1%} of them do "
            f"({rest['confidence']:.0%} confidence)"
        )
    return lines


def _grow(tree: Tree, branch: Branch) -> None:
    effect, share = said(branch.row)
    label = Text.assemble((branch.step, "bold"), f"  {effect}  {share}")
    if branch.row.get("status") == "open":
        label.append("  open", style="dim")
    told = carries(branch.row)
    if told:
        label.append(f"  {told}", style="dim")
    under = tree.add(label)
    for child in branch.children:
        _grow(under, child)

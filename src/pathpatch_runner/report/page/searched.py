"""What a search found: in sentences, on the grid of the model, and as a tree."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pathpatch_runner.report.found_tree import Branch, branches, carries, said
from pathpatch_runner.report.page.markup import code, figure, sentence, text
from pathpatch_runner.report.rows import rows_of
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.searched import MOST_FOUND, found_drawing, search_sentences

TREE = (
    "The tails of paths that passed, with the effect of everything that comes in through them; "
    "under each, what continues it backwards. {}, on the pairs that chose nothing."
)
DRAWN = (
    "What was found, on the grid of the model: layers up, heads across, MLPs (squares) last. A "
    "line is the edge that a path begins with, the wider the larger the effect of what comes in "
    "through it. Orange: for the clean behaviour; blue: against it. Right: the nodes of each "
    "layer, and the slots that paths enter through."
)


def searched(view: RunView) -> list[str]:
    """Nothing for a run that did not search."""
    table = view.table("found")
    if table is None or "path" not in table.column_names:
        return []
    parts = ["<h3>The search</h3>"]
    if lines := search_sentences(view):
        parts.append(f'<p class="lead">{" ".join(map(sentence, lines))}</p>')
    drawn = found_drawing(view)
    parts += [] if drawn is None else [figure(drawn, DRAWN, kind="grid")]
    return [*parts, search_tree(table)]


def search_tree(table: pa.Table) -> str:
    """What a search found, as nested lists that open: the tail of a path, then what continues
    it backwards."""
    trees, left = branches(table, MOST_FOUND)
    more = f'<p class="soft">and {left:,} more in found.parquet</p>' if left else ""
    tree = _nested(trees)
    first = next(iter(rows_of(table.slice(0, 1))), {})
    reading = f"{first.get('metric', '')}, {first.get('direction', '')}".strip(", ")
    said = f'<p class="soft">{text(TREE.format(reading))}</p>'
    return f'{said}<div class="tree" role="group" aria-label="paths found">{tree}</div>{more}'


def _nested(trees: Sequence[Branch]) -> str:
    items = []
    for branch in trees:
        line = _line(branch)
        inner = _nested(branch.children)
        items.append(
            f"<li><details open><summary>{line}</summary>{inner}</details></li>"
            if inner
            else f"<li>{line}</li>"
        )
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _line(branch: Branch) -> str:
    """What is new of the path, the rest of it, and its numbers."""
    effect, share = said(branch.row)
    rest = str(branch.row["path"]).removeprefix(branch.step)
    line = f'{code(branch.step)}<span class="soft">{code(rest)}</span> <b>{text(effect)}</b>'
    notes = [f"{share} of the total" if share else "", carries(branch.row)]
    notes.append("open" if branch.row.get("status") == "open" else "")
    shown = ", ".join(filter(None, notes))
    return f'{line} <span class="soft">{text(shown)}</span>' if shown else line

"""A path set on the layers x nodes of a model, in the terminal.

    logits  █
         1  · · █ ·   ·
         0  · ▒ · ·   ░
     input  █
            heads     MLP

A sign for each node says what share of the paths pass it.
"""

from __future__ import annotations

from pathpatch_runner.expression.grid import PathGrid
from pathpatch_runner.graph import NodeKind

SIGNS = ((0.5, "█"), (0.1, "▓"), (0.01, "▒"))
FEW, NONE = "░", "·"
LEGEND = "paths through a node: █ half or more, ▓ a tenth, ▒ a hundredth, ░ fewer, · none"
MOST_APART = 24
"""Heads up to which their signs stand apart."""


def grid_text(grid: PathGrid) -> str:
    """The drawing, layer 0 lowest, and what its signs mean."""
    shape = grid.graph.shape
    gap = " " if shape.n_heads <= MOST_APART else ""
    lines = [_line("logits", [_sign(grid.share(grid.graph.logits))], "")]
    for layer in reversed(range(shape.n_layers)):
        nodes = [i for i, node in enumerate(grid.graph.nodes) if node.layer == layer]
        signs = {node: _sign(grid.share(node)) for node in nodes}
        mlps = [node for node in nodes if grid.graph.nodes[node].kind is NodeKind.mlp]
        heads = gap.join(signs[node] for node in nodes if node not in mlps)
        lines.append(_line(str(layer), [heads, *[signs[node] for node in mlps]], "   "))
    lines.append(_line("input", [_sign(grid.share(0))], ""))
    heads_wide = (shape.n_heads if shape.separable_heads else 1) * (len(gap) + 1) - len(gap)
    below = "heads" if shape.separable_heads else "attention"
    if not shape.attn_only:
        below = f"{below:<{heads_wide}}   MLP"
    return "\n".join([*lines, _line("", [below], ""), "", LEGEND])


def _line(label: str, parts: list[str], between: str) -> str:
    return f"{label:>8}  {between.join(parts)}".rstrip()


def _sign(share: float) -> str:
    for least, sign in SIGNS:
        if share >= least:
            return sign
    return FEW if share > 0 else NONE

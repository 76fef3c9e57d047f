"""An explanation as text, for the terminal."""

from __future__ import annotations

from pathpatch_runner.explanation.explanation import Explanation
from pathpatch_runner.expression.count import count_text
from pathpatch_runner.graph import Graph
from pathpatch_runner.report.grid import grid_text


def explanation_text(found: Explanation) -> str:
    """What it matches, some of its paths, and where they lie."""
    lines = [
        ("model", _model(found.graph)),
        ("expression", found.canonical),
        *((f"group {name}", nodes) for name, nodes in found.groups.items()),
        *((f"variable {name}", values) for name, values in found.variables.items()),
    ]
    if found.variables:
        left_out = f", {found.left_out:,} match no path" if found.left_out else ""
        lines.append(("rows", f"{found.bindings:,}{left_out}"))
    if found.positions:
        lines.append(("positions", ", ".join(found.positions)))
    lines.append(("matches", count_text(found.count)))
    width = max(len(name) for name, _ in lines)
    facts = "\n".join(f"{name:<{width}}  {value}" for name, value in lines)
    shown = "all of them" if len(found.paths) == found.count else "some, drawn at random"
    paths = "\n".join(f"  {path}" for path in found.paths)
    return f"{facts}\n\n{shown}:\n{paths}\n\n{grid_text(found.grid)}"


def _model(graph: Graph) -> str:
    shape = graph.shape
    kind = "attention only" if shape.attn_only else "parallel blocks" if shape.parallel else "MLPs"
    heads = f"{shape.n_heads} heads" if shape.separable_heads else "attention as one node"
    return f"{shape.n_layers} layers x {heads}, {kind}: {len(graph.nodes)} nodes"

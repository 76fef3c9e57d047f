"""What the names of an expression mean: node patterns -> node indices of a graph.

A *scope* is all that an expression can refer to: the model's nodes and streams, the groups of
its hypothesis, the variables of its entry and the positions of the dataset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pathpatch_runner.errors import did_you_mean
from pathpatch_runner.expression.ast import NodePattern, Position, Span
from pathpatch_runner.expression.caret import Flaw, quoted
from pathpatch_runner.expression.domain import Domain, Kind, Stream, stream
from pathpatch_runner.expression.parse import KEYWORDS
from pathpatch_runner.graph import Graph, NodeKind

_NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Scope:
    """`position_names` None: not known yet, any is accepted; `lengths`: of the prompts, in
    tokens, None likewise. `broken`: groups and variables that have a problem of their own, not
    to be reported again wherever they are used."""

    graph: Graph
    groups: Mapping[str, frozenset[int]] = field(default_factory=dict)
    variables: Mapping[str, Domain] = field(default_factory=dict)
    position_names: frozenset[str] | None = None
    broken: frozenset[str] = frozenset()
    lengths: frozenset[int] | None = None

    def nodes(self, pattern: NodePattern, text: str) -> frozenset[int] | Flaw:
        """The nodes that a pattern in the expression `text` stands for: at least one (none
        for a broken name)."""
        if pattern.name is not None:
            return self._named(pattern.name, pattern.span)
        if pattern.kind == "r":
            hint = "a stream stands alone between two links: input => r5@S1 => logits"
            return Flaw(f"{quoted(text, pattern.span)} is no node", pattern.span, hint)
        if pattern.kind in ("m", "a", "h"):
            return _indexed(self.graph, pattern, text)
        return {
            "input": frozenset({0}),
            "logits": frozenset({self.graph.logits}),
            "any": frozenset(range(1, self.graph.logits)),
        }[pattern.kind]

    def streams(self, pattern: NodePattern, text: str) -> tuple[Stream, ...] | Flaw:
        """The streams of a pattern of kind "r"."""
        flaw = _layer_flaw(pattern, self.graph.shape.n_layers, text)
        if flaw is not None:
            return flaw
        layers = range(self.graph.shape.n_layers + 1)
        chosen = [layer for layer in layers if _within(layer, pattern.layers)]
        return tuple(stream(layer, self.graph) for layer in chosen)

    def ranges_over(self, name: str | None, *kinds: Kind) -> bool:
        """Whether it is the name of a variable over one of these."""
        domain = None if name is None else self.variables.get(name)
        return domain is not None and domain.kind in kinds

    def _named(self, name: str, span: Span) -> frozenset[int] | Flaw:
        if name in self.broken:
            return _NOTHING
        variable = self.variables.get(name)
        if variable is not None:
            return frozenset(value for value in variable.values if isinstance(value, int))
        if name in self.groups:
            return self.groups[name]
        defined = [*self.groups, *self.variables, *sorted(self.broken)]
        names = f"groups and variables here: {', '.join(defined)}. " if defined else ""
        examples = [name for name in self.graph.index if name not in KEYWORDS]
        near = did_you_mean(name, [*defined, *KEYWORDS]) or did_you_mean(name, examples)
        hint = f'{names}Nodes: "input", "logits", "any", {_node_forms(self.graph)}.{near}'
        return Flaw(f'unknown name "{name}"', span, hint)

    def position_flaw(self, position: Position | None, span: Span) -> Flaw | None:
        """What is wrong with a position; None if nothing."""
        if position is None or position.name in self.variables or position.name in self.broken:
            return None
        if position.name is None:
            n_ctx = self.graph.shape.n_ctx
            longest = max(self.lengths) if self.lengths else n_ctx
            if -longest <= position.offset < longest:
                return None
            what = f"position {position} is outside every prompt"
            least = f"[0] to [{longest - 1}], or [-{longest}] to [-1] from the end"
            if longest < n_ctx:
                return Flaw(what, span, f"the longest has {longest} tokens: {least}")
            return Flaw(what, span, f"the model takes at most {n_ctx} positions: {least}")
        if self.position_names is None or position.name in self.position_names:
            return None
        names = ", ".join(sorted(self.position_names)) or "none"
        near = did_you_mean(position.name, sorted(self.position_names))
        hint = f"positions that the dataset names: {names}.{near}"
        return Flaw(f'unknown position "{position.name}"', span, hint)


def _indexed(graph: Graph, pattern: NodePattern, text: str) -> frozenset[int] | Flaw:
    shape = graph.shape
    what = f"unknown node {quoted(text, pattern.span)}"
    for span in (pattern.layers, pattern.heads):
        if span is not None and span[0] > span[1]:
            return _backwards(pattern, span)
    if pattern.kind == "m" and shape.attn_only:
        return Flaw(what, pattern.span, "this model is attention-only: it has no MLPs")
    if pattern.kind == "h" and not shape.separable_heads:
        layer = _spelled(pattern.layers)
        hint = (
            "a norm after the attention makes the heads of a layer one node of this model: "
            f'write "a{layer}"'
        )
        return Flaw(f"no single heads {quoted(text, pattern.span)}", pattern.span, hint)
    if _beyond(pattern.layers, shape.n_layers):
        near = _nearest(graph, pattern)
        hint = f'this model has {_numbers("layer", shape.n_layers)}. Did you mean "{near}"?'
        return Flaw(what, pattern.span, hint)
    if pattern.kind == "h" and _beyond(pattern.heads, shape.n_heads):
        near = _nearest(graph, pattern)
        layer = _spelled(pattern.layers)
        layer = f"layer {layer}" if layer.isdigit() else "every layer"
        hint = f'{layer} has {_numbers("head", shape.n_heads)}. Did you mean "{near}"?'
        return Flaw(what, pattern.span, hint)
    kinds = (NodeKind.mlp,) if pattern.kind == "m" else (NodeKind.head, NodeKind.attention)
    return frozenset(
        index
        for index, node in enumerate(graph.nodes)
        if node.kind in kinds
        and _within(node.layer, pattern.layers)
        and _within(node.head, pattern.heads)
    )


def _layer_flaw(pattern: NodePattern, n_layers: int, text: str) -> Flaw | None:
    span = pattern.layers
    if span is None:
        return None
    if span[0] > span[1]:
        return _backwards(pattern, span)
    if span[1] <= n_layers:
        return None
    what = f"unknown stream {quoted(text, pattern.span)}"
    hint = (
        f'this model has streams "r0" (what layer 0 reads) to "r{n_layers}" (what logits read). '
        f'Did you mean "r{_spelled(span, n_layers)}"?'
    )
    return Flaw(what, pattern.span, hint)


def _backwards(pattern: NodePattern, span: tuple[int, int]) -> Flaw:
    hint = f"write the smaller number first: {span[1]}-{span[0]}"
    return Flaw(f'range "{span[0]}-{span[1]}" runs backwards', pattern.span, hint)


def _within(number: int, span: tuple[int, int] | None) -> bool:
    return span is None or span[0] <= number <= span[1]


def _beyond(span: tuple[int, int] | None, count: int) -> bool:
    return span is not None and span[1] >= count


def _numbers(what: str, count: int) -> str:
    return f"{what} 0 only" if count == 1 else f"{what}s 0-{count - 1}"


def _spelled(span: tuple[int, int] | None, most: int | None = None) -> str:
    if span is None:
        return "*"
    first, last = span if most is None else (min(span[0], most), min(span[1], most))
    return str(first) if first == last else f"{first}-{last}"


def _nearest(graph: Graph, pattern: NodePattern) -> str:
    """The pattern with its numbers brought into range."""
    layer = _spelled(pattern.layers, graph.shape.n_layers - 1)
    if pattern.kind == "h":
        return f"a{layer}.h{_spelled(pattern.heads, graph.shape.n_heads - 1)}"
    return f"{pattern.kind}{layer}"


def _node_forms(graph: Graph) -> str:
    shape = graph.shape
    heads = '"a0.h0"' if shape.separable_heads else '"a0"'
    return heads if shape.attn_only else f'{heads}, "m0"'

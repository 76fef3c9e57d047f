"""Routes as text: the one spelling of a path that tables, plans and reports show.

The form is that of EAP and MIB (`a0.h3->a1.h9<k>->logits`), without white space. Nodes are
gathered into patterns where that is shorter: three or more in a row become a range, all of
them `*`. Resolving the text on the same graph gives the same route.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pathpatch_runner.expression.ast import PathSet, Route, StepPattern, Steps
from pathpatch_runner.graph import ATTENTION_SLOTS, Graph, NodeKind

_SHORTEST_RANGE = 3


def canonical(paths: PathSet, graph: Graph) -> str:
    """The members of a path set, joined by ` | `."""
    return " | ".join(
        route_text(member, graph) if isinstance(member, Route) else member.text for member in paths
    )


def route_text(route: Route, graph: Graph) -> str:
    """One route; an implicit `input =>` stays implicit."""
    sets = [steps_text(steps, graph) for steps in route.sets]
    links = [link_text(link, graph) for link in route.links]
    return sets[0] + "".join(link + steps for link, steps in zip(links, sets[1:], strict=True))


def link_text(link: Steps | None, graph: Graph) -> str:
    """`->`, `=>` or `-[set]->`."""
    if link is None:
        return "->"
    if link == Steps((StepPattern(frozenset(range(1, graph.logits))),)):
        return "=>"
    return f"-[{steps_text(link, graph)}]->"


def steps_text(steps: Steps, graph: Graph) -> str:
    """One step set; braces only where it has several atoms."""
    return set_text(step_atoms(steps, graph), negated=steps.negated)


def step_atoms(steps: Steps, graph: Graph) -> list[str]:
    """Every atom of a step set as text."""
    if steps.crossing:
        return [stream_name(p.nodes, graph) + constraint_text(p) for p in steps.patterns]
    return [
        node + constraint_text(pattern)
        for pattern in steps.patterns
        for node in node_texts(pattern.nodes, graph)
    ]


def stream_name(below: Iterable[int], graph: Graph) -> str:
    """`r5` for the nodes below layer 5."""
    return f"r{1 + max(graph.nodes[node].layer for node in below)}"


def set_text(atoms: Sequence[str], *, negated: bool) -> str:
    """Atoms as a step set."""
    text = atoms[0] if len(atoms) == 1 else "{" + ",".join(atoms) + "}"
    return f"!{text}" if negated else text


def constraint_text(pattern: StepPattern) -> str:
    """What follows the node: `<k,v@S1>@end`, `<v~0-2>`."""
    text = ""
    if pattern.slots is not None:
        read = "" if pattern.read is None else f"@{pattern.read}"
        if pattern.back is not None:
            least, most = pattern.back
            read = f"~{least}" if least == most else f"~{least}-{most}"
        slots = ",".join(slot for slot in ATTENTION_SLOTS if slot in pattern.slots)
        text = f"<{slots}{read}>"
    return text if pattern.write is None else f"{text}@{pattern.write}"


def node_texts(nodes: Iterable[int], graph: Graph) -> list[str]:
    """The fewest patterns, roughly, that stand for exactly these nodes."""
    chosen = set(nodes)
    if len(chosen) == 1:
        return [graph.nodes[node].name for node in chosen]
    texts = ["input"] if 0 in chosen else []
    inner = set(range(1, graph.logits))
    if inner <= chosen:
        texts.append("any")
    else:
        texts += _attention_texts(chosen, graph) + _mlp_texts(chosen, graph)
    return [*texts, "logits"] if graph.logits in chosen else texts


def _attention_texts(chosen: set[int], graph: Graph) -> list[str]:
    shape = graph.shape
    heads_of: dict[int, list[int]] = {}
    for index in sorted(chosen):
        node = graph.nodes[index]
        if node.kind in (NodeKind.head, NodeKind.attention):
            heads_of.setdefault(node.layer, []).append(node.head)
    layers_of: dict[tuple[int, ...], list[int]] = {}
    for layer, numbers in heads_of.items():
        layers_of.setdefault(tuple(numbers), []).append(layer)
    texts = []
    for heads, layers in layers_of.items():
        for layer_text in _index_texts(layers, shape.n_layers):
            if not shape.separable_heads:
                texts.append(f"a{layer_text}")
            else:
                texts += [f"a{layer_text}.h{h}" for h in _index_texts(heads, shape.n_heads)]
    return texts


def _mlp_texts(chosen: set[int], graph: Graph) -> list[str]:
    layers = [
        graph.nodes[index].layer
        for index in sorted(chosen)
        if graph.nodes[index].kind is NodeKind.mlp
    ]
    return [f"m{text}" for text in _index_texts(layers, graph.shape.n_layers)]


def _index_texts(numbers: Sequence[int], count: int) -> list[str]:
    """Ascending numbers below `count` as `*`, ranges and single numbers."""
    if len(numbers) == count > 1:
        return ["*"]
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = []
    for run in runs:
        if len(run) >= _SHORTEST_RANGE:
            texts.append(f"{run[0]}-{run[-1]}")
        else:
            texts += [str(number) for number in run]
    return texts

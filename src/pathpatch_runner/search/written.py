"""Found paths as a hypothesis, the way a person would write it.

Paths that differ in one node only are one entry with a group in its place, and so on as long as
there are any, so that three previous-token heads into four induction heads are one line and not
twelve. Nothing is added by that: an entry stands for exactly the paths that were found, and no path
is in two entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from pathpatch_runner.config import HypothesisConfig, PathConfig
from pathpatch_runner.expression.ast import Position
from pathpatch_runner.expression.canonical import node_texts
from pathpatch_runner.graph import Graph, NodeKind
from pathpatch_runner.search.tail import Step, Tail

NAME = "found"
"""The hypothesis of the complete paths."""
KEPT = "found_kept"
"""That of everything the search came to (`walk.ends`), where that is more."""


@dataclass(frozen=True)
class _Place:
    """The nodes that may stand at one place of an entry, all entered in the same way."""

    nodes: frozenset[int]
    kind: NodeKind
    slot: str | None
    read: Position | None
    write: Position | None


Entry = tuple[_Place, ...]


def entries_of(tails: Sequence[Tail], graph: Graph) -> list[Entry]:
    """The fewest entries, roughly, in the order of their first paths."""
    entries: list[Entry] = [tuple(_place(step, graph) for step in tail) for tail in tails]
    while True:
        before = len(entries)
        for place in range(max((len(entry) for entry in entries), default=0)):
            entries = _merged(entries, place)
        if len(entries) == before:
            return entries


def _place(step: Step, graph: Graph) -> _Place:
    kind = graph.nodes[step.node].kind
    return _Place(frozenset({step.node}), kind, step.slot, step.read, step.write)


def _merged(entries: Sequence[Entry], place: int) -> list[Entry]:
    """Entries that differ in the nodes of one place only are one."""
    found: dict[object, Entry] = {}
    for entry in entries:
        if place >= len(entry):
            found[entry] = entry
            continue
        one = entry[place]
        rest = (*entry[:place], *entry[place + 1 :])
        key = (rest, len(entry), one.kind, one.slot, one.read, one.write)
        if key in found:
            one = _Place(one.nodes | found[key][place].nodes, *list(vars(one).values())[1:])
        found[key] = (*entry[:place], one, *entry[place + 1 :])
    return list(found.values())


def hypothesis_of(entries: Sequence[Entry], graph: Graph) -> HypothesisConfig:
    """The entries as a hypothesis: groups for sets of nodes, an expression an entry."""
    names: dict[frozenset[int], str] = {}
    for entry in entries:
        for place in entry:
            if len(place.nodes) > 1 and place.nodes not in names:
                names[place.nodes] = _group_name(place, graph, set(names.values()))
    groups = {name: node_texts(nodes, graph) for nodes, name in names.items()}
    paths = {
        f"p{number}": PathConfig(expr=" -> ".join(_text(place, names, graph) for place in entry))
        for number, entry in enumerate(entries, start=1)
    }
    return HypothesisConfig(groups=groups, paths=paths)


def _group_name(place: _Place, graph: Graph, taken: set[str]) -> str:
    """`layer1_heads`, `layers0_3_mlps`; with a number where that is taken."""
    layers = sorted({graph.nodes[node].layer for node in place.nodes})
    what = "mlps" if place.kind is NodeKind.mlp else "heads"
    where = f"layer{layers[0]}" if len(layers) == 1 else f"layers{layers[0]}_{layers[-1]}"
    name, number = f"{where}_{what}", 2
    while name in taken:
        name, number = f"{where}_{what}_{number}", number + 1
    return name


def _text(place: _Place, names: Mapping[frozenset[int], str], graph: Graph) -> str:
    text = names.get(place.nodes) or graph.nodes[min(place.nodes)].name
    if place.slot is not None:
        text += f"<{place.slot}{'' if place.read is None else f'@{place.read}'}>"
    return text if place.write is None else f"{text}@{place.write}"


@dataclass(frozen=True)
class Written:
    """One hypothesis that was found. `notes`: what to say of each entry."""

    name: str
    config: HypothesisConfig
    entries: tuple[Entry, ...]
    notes: tuple[str, ...]


def found_yaml(found: Sequence[Written], experiment: str) -> str:
    """The hypotheses as a config file of group `hypotheses`."""
    lines = [
        f"# Found by the search of experiment {experiment}. It runs as it is, as any hypothesis:",
        f"#   python run.py experiment={experiment} search=null --config-dir <this run's folder> "
        f"+hypotheses={NAME}",
        "# Notes are of the pairs that chose nothing.",
        *[line for each in found for line in _lines(each)],
    ]
    return "\n".join(lines) + "\n"


def _lines(written: Written) -> list[str]:
    lines = [f"{written.name}:"]
    if written.config.groups:
        lines.append("  groups:")
        groups = written.config.groups.items()
        lines += [f"    {name}: [{', '.join(members)}]" for name, members in groups]
    lines.append("  paths:")
    rows = zip(written.config.paths.items(), written.entries, written.notes, strict=True)
    for (name, path), entry, note in rows:
        size = prod(len(place.nodes) for place in entry)
        count = f"{size} paths, the largest " if size > 1 else ""
        lines.append(f'    {name}: {{expr: "{path.expr}"}}  # {count}{note}')
    return lines


def entry_holds(entry: Entry, tail: Tail) -> bool:
    """Whether a path is one of an entry's."""
    return len(entry) == len(tail) and all(
        step.node in place.nodes
        and (step.slot, step.read, step.write) == (place.slot, place.read, place.write)
        for step, place in zip(tail, entry, strict=True)
    )

"""Entries that say edges: a file of a circuit, a list of edges, or the best edges by score.

    c: {circuit: circuit.json}                                          the edges that are in it
    c: {circuit: circuit.json, select: {by: eap}, sizes: mib}           its best edges, ten rows
    d: {edges: ["input->a0.h3<v>", "a0.h3->logits"]}
    e: {select: {by: exact, how: greedy}, sizes: [0.01, 0.1]}           by scores of this very run

`sizes` are shares of all edges of the model: int(share x edges) of them are chosen, then those on
no way from `input` to `logits` drop out. Each size is a row of its own, with `size` as its
variable; one that leaves no way is a row too: the empty path set, effect 0.

Scores of this run are known only when the model has been run (`selection.RunScores`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pathpatch_runner.circuit import Circuit, circuit_of, read_circuit
from pathpatch_runner.circuit.graph_file import GraphFile
from pathpatch_runner.circuit.read import read_edge_names
from pathpatch_runner.config import Choosing, PathConfig, SelectConfig
from pathpatch_runner.errors import ConfigError, HypothesisError, raise_together
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.selection import RunScores, choose, read_sizes

KINDS = ("expr", "circuit", "edges", "every")
"""What an entry can say; a `select` alone chooses among all edges."""
EDGE_KEYS = ("circuit", "edges", "select", "sizes", "reference")

SIZE = "size"
"""The variable of a family of circuits, `over.size` in the tables."""


@dataclass(frozen=True)
class SizedCircuit:
    """One row of an entry. `size`: the share as the config says it, "" where there are none."""

    size: str
    circuit: Circuit


@dataclass(frozen=True)
class CircuitEntry:
    """The circuits of an entry, and the one they are compared with."""

    circuits: tuple[SizedCircuit, ...]
    reference: Circuit | None
    awaits_scores: bool = False

    @property
    def union(self) -> tuple[Circuit, ...]:
        """The circuits that are in no other one: all paths of the entry."""
        found: list[Circuit] = []
        for sized in sorted(self.circuits, key=lambda one: -len(one.circuit.edges)):
            circuit = sized.circuit
            if not any((circuit.mask <= other.mask).all() for other in found):
                found.append(circuit)
        return tuple(found)


def says_edges(config: PathConfig) -> bool:
    """Whether an entry is about edges, and not an expression."""
    return any(getattr(config, key) is not None for key in EDGE_KEYS)


def one_of(config: PathConfig, key: str) -> ConfigError | None:
    """The problem of an entry that says several kinds of path sets, or keys that go with none."""
    said = [kind for kind in KINDS if getattr(config, kind) is not None]
    if len(said) > 1:
        return ConfigError(f"{key}: says {' and '.join(said)}. Say one of {', '.join(KINDS)}")
    aside = [name for name in EDGE_KEYS if getattr(config, name) is not None and name not in KINDS]
    if aside and said in (["expr"], ["every"]):
        return ConfigError(f"{key}.{aside[0]}: goes with circuit or edges, not with {said[0]}")
    return None


def read_circuits(
    name: str, config: PathConfig, key: str, graph: Graph, run: RunScores
) -> CircuitEntry:
    """The circuits of an entry. `key`: `hypotheses.<hypothesis>.paths.<name>`.

    Raises CircuitError, ConfigError or HypothesisError, or `Problems` of several.
    """
    _check_keys(config, key)
    sizes = read_sizes(config.sizes, f"{key}.sizes")
    file, title = _source(name, config, key, graph)
    if config.select is None and sizes is None:
        assert file is not None
        _check_neurons(file, f"{key}.circuit")
        chosen, awaits = [("", file.chosen)], False
    else:
        select = config.select or SelectConfig()
        scores = run.ready(select.by, f"{key}.select.by") if file is None else file.edge_scores
        awaits = scores is None
        chosen = choose(select, sizes, scores, f"{key}.select.by", graph)
    made = [SizedCircuit(size, circuit_of(graph, mask, title)) for size, mask in chosen]
    if sizes is None and not awaits:
        _check_way(made[0].circuit, int(chosen[0][1].sum()), key)
    return CircuitEntry(tuple(made), _reference(config, key, graph), awaits)


def _reference(config: PathConfig, key: str, graph: Graph) -> Circuit | None:
    if config.reference is None:
        return None
    path = Path(config.reference)
    return circuit_of(graph, read_circuit(path, graph, f"{key}.reference").chosen, path.stem)


def _source(name: str, config: PathConfig, key: str, graph: Graph) -> tuple[GraphFile | None, str]:
    """The edges and scores that an entry names, and what its circuits are called in the tables."""
    if config.circuit is not None:
        path = Path(config.circuit)
        return read_circuit(path, graph, f"{key}.circuit"), path.stem
    if config.edges is not None:
        return read_edge_names(config.edges, graph, f"{key}.edges"), name
    return None, name


def _check_keys(config: PathConfig, key: str) -> None:
    """Keys that do not go together, or need each other."""
    problems: list[ConfigError] = []
    if config.over:
        problems.append(
            ConfigError(f"{key}.over: variables stand in expressions, and the entry says edges")
        )
    if config.reference is not None and not any(
        part is not None for part in (config.circuit, config.edges, config.select, config.sizes)
    ):
        problems.append(
            ConfigError(f"{key}: reference alone. Say which edges are compared with it: circuit")
        )
    select = config.select
    how = None if select is None else select.how
    if select is not None and how is Choosing.threshold:
        if select.threshold is None:
            problems.append(ConfigError(f"{key}.select: how: threshold needs a threshold: x"))
        if config.sizes is not None:
            problems.append(ConfigError(f"{key}.sizes: a threshold says itself how many edges"))
    elif select is not None:
        if select.threshold is not None:
            assert how is not None
            problems.append(
                ConfigError(f"{key}.select.threshold: goes with how: threshold, not {how.value}")
            )
        if config.sizes is None:
            what = "says how many edges to choose: a share, a list of shares, or mib"
            problems.append(ConfigError(f"{key}.sizes: missing. It {what}"))
    raise_together(problems)


def _check_way(circuit: Circuit, n_chosen: int, key: str) -> None:
    """A circuit that nobody asked to be small, and that has no path, is a mistake."""
    if circuit.edges:
        return
    if n_chosen == 0:
        raise HypothesisError(f"{key}: no edge is in the circuit")
    which = (
        "its only edge does not lie" if n_chosen == 1 else f"none of its {n_chosen:,} edges lies"
    )
    raise HypothesisError(f"{key}: {which} on a way from input to logits, so it has no path")


def _check_neurons(file: GraphFile, where: str) -> None:
    """A node of which only some neurons are in the circuit is no node of a path set."""
    cut = [
        name
        for name, node in file.nodes.items()
        if node.get("in_graph") and not _all_of(node, "neurons")
    ]
    if cut:
        raise HypothesisError(
            f"{where}: of {', '.join(cut[:10])} only some neurons are in the circuit, and paths "
            "go through whole nodes. Choose whole nodes in EAP-IG, or select by score here"
        )


def _all_of(node: Mapping[str, object], key: str) -> bool:
    listed = node.get(key)
    return not isinstance(listed, list) or all(listed)

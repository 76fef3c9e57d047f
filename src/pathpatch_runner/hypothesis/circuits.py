"""Entries that say edges: a file of a circuit, a list of edges, or the best edges by score.

    c: {circuit: circuit.json}                                          the edges that are in it
    c: {circuit: circuit.json, select: {by: eap}, sizes: mib}           its best edges, ten rows
    d: {edges: ["input->a0.h3<v>", "a0.h3->logits"]}
    e: {select: {by: exact, how: greedy}, sizes: [0.01, 0.1]}           by scores of this very run

`sizes` are shares of all edges of the model: int(share x edges) of them are chosen, then those on
no way from `input` to `logits` drop out. Each size is a row of its own, with `size` as its
variable; one that leaves no way is a row too: the empty path set, effect 0.

Scores of this run are known only when the model has been run. Until then such an entry stands for
the empty circuit, and `resolve_hypotheses` is called again with the scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pathpatch_runner.circuit import Circuit, EdgeScores, Mask, circuit_of, edges_of, read_circuit
from pathpatch_runner.circuit.graph_file import GraphFile
from pathpatch_runner.circuit.read import read_edge_names
from pathpatch_runner.circuit.select import MIB_SIZES, above, first, ranking
from pathpatch_runner.config import Choosing, PathConfig, SelectConfig
from pathpatch_runner.errors import ConfigError, HypothesisError, did_you_mean, raise_together
from pathpatch_runner.graph import Graph

KINDS = ("expr", "circuit", "edges")
"""What an entry can say; a `select` alone chooses among all edges."""
EDGE_KEYS = ("circuit", "edges", "select", "sizes", "reference")

SIZE = "size"
"""The variable of a family of circuits, `over.size` in the tables."""


@dataclass(frozen=True)
class RunScores:
    """What this run says of every edge. `methods`: of the scores it makes (`scores.methods`);
    `scores`: those that are there already."""

    methods: tuple[str, ...] = ()
    scores: EdgeScores | None = None

    def ready(self, by: str | None, where: str) -> EdgeScores | None:
        """The scores, if those of a method are there; None: not yet. Raises ConfigError for a
        method that the run does not have."""
        name = self._method(by, where)
        if self.scores is None or name not in self.scores.methods:
            return None
        return EdgeScores(self.scores.graph, {name: self.scores.methods[name]})

    def _method(self, by: str | None, where: str) -> str:
        if not self.methods:
            raise ConfigError(
                f"{where}: the run makes no scores. Name a file of scores in `circuit`, or add to "
                "the experiment: scores: {methods: [eap]}"
            )
        if by is None and len(self.methods) > 1:
            raise ConfigError(f"{where}: say by which scores: {', '.join(self.methods)}")
        if by is not None and by not in self.methods:
            raise ConfigError(
                f'{where}: scores.methods does not have "{by}".{did_you_mean(by, self.methods)} '
                f"It has: {', '.join(self.methods)}"
            )
        return by or self.methods[0]


NO_SCORES = RunScores()
"""Of a run that makes none."""


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
    if aside and said == ["expr"]:
        return ConfigError(f"{key}.{aside[0]}: goes with circuit or edges, not with expr")
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
        chosen = _choose(select, sizes, scores, f"{key}.select.by", graph)
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


def _choose(
    select: SelectConfig,
    sizes: Sequence[float] | None,
    scores: EdgeScores | None,
    where: str,
    graph: Graph,
) -> list[tuple[str, Mask]]:
    """(size, edges chosen) for each size; none are where the scores are still to come."""
    edges = edges_of(graph)
    if scores is None:
        return [(_text(share), edges.mask(())) for share in sizes or (None,)]
    values = scores.by(select.by, where)
    if select.how is Choosing.threshold:
        assert select.threshold is not None
        return [("", above(values, select.threshold, absolute=select.absolute))]
    greedy = select.how is Choosing.greedy
    ranked = ranking(edges, values, greedy=greedy, absolute=select.absolute)
    assert sizes is not None
    return [(_text(share), first(edges, ranked, share)) for share in sizes]


def _text(share: float | None) -> str:
    return "" if share is None else f"{share:.12g}"


def read_sizes(value: Any, where: str) -> tuple[float, ...] | None:
    """Shares of all edges, or None where there are none. Raises ConfigError."""
    if value is None:
        return None
    if value == "mib":
        return MIB_SIZES
    listed = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    expected = "Expected shares of all edges, from 0 to 1, or mib for MIB's ten"
    if not listed:
        raise ConfigError(f"{where}: the list is empty. {expected}")
    problems: list[ConfigError] = []
    for share in listed:
        number = isinstance(share, int | float) and not isinstance(share, bool)
        if not number or not 0 <= share <= 1:
            problems.append(ConfigError(f"{where}: {share!r} is not a share. {expected}"))
        elif listed.count(share) > 1:
            problems.append(ConfigError(f"{where}: {share!r} stands there twice"))
    raise_together(list({str(problem): problem for problem in problems}.values()))
    return tuple(float(share) for share in listed)


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

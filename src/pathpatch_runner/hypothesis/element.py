"""Entries of every kind as elements of a hypothesis: their own units, and their part in unions.

An entry says expressions (`expr`, with `over`), edges (`circuit`, `edges`, `select`) or all short
paths (`every`). What is said here of each kind is how it is read, and which rows it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pathpatch_runner.config import PathConfig, UnitKind
from pathpatch_runner.errors import ConfigError, PathPatchError, Problems
from pathpatch_runner.expression.ast import PathSet, Position
from pathpatch_runner.expression.domain import Value, value_text
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.circuits import (
    SIZE,
    CircuitEntry,
    one_of,
    read_circuits,
    says_edges,
)
from pathpatch_runner.hypothesis.entry import Entry, name_problems, read_entry
from pathpatch_runner.hypothesis.every import read_spectrum
from pathpatch_runner.hypothesis.family import Binder, matching_bindings
from pathpatch_runner.hypothesis.selection import RunScores
from pathpatch_runner.hypothesis.spectrum import spectrum_text, spectrum_units
from pathpatch_runner.hypothesis.union import entry_union
from pathpatch_runner.hypothesis.unit import Unit
from pathpatch_runner.hypothesis.unmatched import nothing_matches


@dataclass(frozen=True)
class EntryName:
    """Which entry of which hypothesis."""

    hypothesis: str
    entry: str

    @property
    def key(self) -> str:
        """Its config key."""
        return f"hypotheses.{self.hypothesis}.paths.{self.entry}"


@dataclass(frozen=True)
class Element:
    """An entry as a member of unions: all its `paths` and their text, `path`; with its own units.

    `left_out`: bindings that match no path. `positions`: all that it mentions. `awaits_scores`:
    its circuits are still to be chosen.
    """

    name: str
    units: tuple[Unit, ...]
    paths: PathSet
    path: str
    left_out: int = 0
    positions: frozenset[Position] = frozenset()
    awaits_scores: bool = False


def read_element(
    name: EntryName,
    config: PathConfig,
    scope: Scope,
    run: RunScores,
    problems: list[PathPatchError],
) -> Element | None:
    """The element of an entry; None where it has problems, which are added. `scope`: with the
    groups. `run`: the scores of this run."""
    several = one_of(config, name.key)
    if several is not None:
        problems.append(several)
        return None
    if says_edges(config):
        return _of_edges(name, config, scope.graph, run, problems)
    if config.every is not None:
        return _of_every(name, config, scope, problems)
    entry = read_entry(name.entry, config, name.key, scope, problems)
    return None if entry is None else _of_expressions(name, entry, scope.graph, problems)


def _of_every(
    name: EntryName, config: PathConfig, scope: Scope, problems: list[PathPatchError]
) -> Element | None:
    before = len(problems)
    problems += name_problems(name.entry, name.key)
    if config.over:
        problems.append(ConfigError(f"{name.key}.over: goes with expr, not with every"))
    spectrum = read_spectrum(config.every, f"{name.key}.every", scope, problems)
    if spectrum is None or len(problems) > before:
        return None
    units = tuple(spectrum_units(name.hypothesis, name.entry, spectrum))
    return Element(name.entry, units, spectrum.union(), spectrum_text(spectrum))


def _of_edges(
    name: EntryName,
    config: PathConfig,
    graph: Graph,
    run: RunScores,
    problems: list[PathPatchError],
) -> Element | None:
    wrong = name_problems(name.entry, name.key)
    problems += wrong
    try:
        found = read_circuits(name.entry, config, name.key, graph, run)
    except Problems as several:
        problems += several.problems
        return None
    except PathPatchError as problem:
        problems.append(problem)
        return None
    if wrong:
        return None
    units = tuple(_circuit_units(name.hypothesis, name.entry, found))
    text = " | ".join(circuit.text for circuit in found.union)
    return Element(name.entry, units, found.union, text, awaits_scores=found.awaits_scores)


def _circuit_units(hypothesis: str, name: str, entry: CircuitEntry) -> Iterator[Unit]:
    for sized in entry.circuits:
        binding = ((SIZE, sized.size),) if sized.size else ()
        path_id = f"{name}[{SIZE}={sized.size}]" if sized.size else name
        yield Unit(
            hypothesis=hypothesis,
            kind=UnitKind.path,
            path_id=path_id,
            path=sized.circuit.text,
            binding=binding,
            paths=(sized.circuit,),
            entry=name,
            reference=entry.reference,
        )


def _of_expressions(
    name: EntryName, entry: Entry, graph: Graph, problems: list[PathPatchError]
) -> Element | None:
    """None and a problem for what matches nothing."""
    templates = [expression.template for expression in entry.expressions]
    matches = matching_bindings(templates, entry.values, graph)
    if matches.idle:
        idle = [entry.expressions[number] for number in matches.idle]
        problems += [nothing_matches(expression, entry, graph) for expression in idle]
        return None
    units = tuple(_path_units(name.hypothesis, entry, matches.bindings, graph))
    paths, path = entry_union(entry, matches.bindings, graph)
    return Element(name.entry, units, paths, path, matches.left_out, entry.positions)


def _path_units(
    hypothesis: str, entry: Entry, bindings: Sequence[tuple[Value, ...]], graph: Graph
) -> Iterator[Unit]:
    binders = [Binder(expression.template, graph) for expression in entry.expressions]
    texts = {
        value: value_text(value, graph) for domain in entry.values.values() for value in domain
    }
    for values in bindings:
        chosen = dict(zip(entry.values, values, strict=True))
        bound = [binder.bind(chosen) for binder in binders]
        binding = tuple([(variable, texts[value]) for variable, value in chosen.items()])
        path_id = entry.name
        if binding:
            path_id += "[" + ",".join([f"{variable}={node}" for variable, node in binding]) + "]"
        path = " | ".join([text for _, text in bound])
        paths = tuple([route for route, _ in bound])
        yield Unit(hypothesis, UnitKind.path, path_id, path, binding, paths, entry.name)
